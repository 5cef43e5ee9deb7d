// Host of LitePCIe's DMA at its PHY's streams of TLPs: in order, always ready, one beat a cycle either way.
//
// A read is answered by completions of at most +payload bytes, the first of whose beats comes +latency cycles after the request's
// last. Descriptors of +size bytes are always there, and user logic never waits. Prints payload beats and busy beats of the window.

module litepcie_tb #(
    parameter int WIDTH = 64,
    parameter bit READS = 1
);

  localparam int LANES = WIDTH / 32;

  logic clk = 1'b0, rst = 1'b1;
  int latency, size, ramp, window, payload_most;
  longint now = 0, payload = 0, busy = 0, payload_begin = 0, busy_begin = 0;

  always #1 clk = ~clk;

  logic tx_valid, tx_last, rx_valid, rx_ready, rx_last, rx_first, stream_valid, stream_ready;
  logic [WIDTH-1:0] tx_dat, rx_dat;

  litepcie_peer dut (
      .sys_clk(clk), .sys_rst(rst),
      .tx_valid(tx_valid), .tx_ready(1'b1), .tx_last(tx_last), .tx_dat(tx_dat),
      .rx_valid(rx_valid), .rx_ready(rx_ready), .rx_last(rx_last), .rx_first(rx_first), .rx_dat(rx_dat),
      .rx_be({WIDTH / 8{1'b1}}),
      .descriptor_valid(!rst), .descriptor_length(24'(size)), .descriptor_last_disable(1'b1),
      .stream_valid(stream_valid), .stream_ready(stream_ready));

  typedef struct {
    longint due;
    int words;
    int left;                          // words of the request, this answer's and those behind it
    logic [31:0] requester;
  } answer_t;
  answer_t answers[$], answer;
  int place = 0;                       // words of the answer that were sent
  logic [31:0] head0, head1;
  logic second = 1'b0;                 // 64 bit: the header goes on in a second beat

  function automatic logic [31:0] word(input int index);
    case (index)
      0: word = 32'h4A00_0000 | 32'(answer.words);
      1: word = 32'(4 * answer.left);
      2: word = (answer.requester & 32'hFFFF_0000) | (answer.requester & 32'h0000_FF00);
      default: word = 32'(index);
    endcase
  endfunction

  initial begin
    if (!$value$plusargs("latency=%d", latency)) latency = 1;
    if (!$value$plusargs("size=%d", size)) size = 64;
    if (!$value$plusargs("payload=%d", payload_most)) payload_most = 512;
    if (!$value$plusargs("ramp=%d", ramp)) ramp = 4096;
    if (!$value$plusargs("window=%d", window)) window = 16384;
    rx_valid = 1'b0;
    rx_last = 1'b0;
    rx_first = 1'b0;
    rx_dat = '0;
  end

  always_ff @(posedge clk) begin
    now <= now + 1;
    rst <= now < 8;
    if (!rst) begin
      if (tx_valid) begin
        if (!second) begin
          head0 = tx_dat[31:0];
          head1 = tx_dat[63:32];
        end
        second <= !tx_last;
        if (tx_last && !head0[30]) begin
          for (int left = int'(head0[9:0]); left > 0; left -= payload_most / 4)
            answers.push_back('{now + longint'(latency) - 1, left < payload_most / 4 ? left : payload_most / 4, left, head1});
        end
      end
      if (stream_valid && stream_ready) payload <= payload + 1;
      if (READS ? rx_valid && rx_ready : tx_valid) busy <= busy + 1;

      if (!rx_valid || rx_ready) begin
        if (place == 0 && answers.size() != 0 && answers[0].due <= now) answer = answers.pop_front();
        else if (place == 0) answer.words = 0;
        rx_valid <= answer.words != 0;
        rx_first <= place == 0;
        for (int lane = 0; lane < LANES; lane++) rx_dat[32*lane +: 32] <= word(place + lane);
        rx_last <= place + LANES >= answer.words + 3;
        if (answer.words != 0) place = place + LANES >= answer.words + 3 ? 0 : place + LANES;
      end
      if (now == longint'(ramp)) begin
        payload_begin <= payload;
        busy_begin <= busy;
      end
      if (now == longint'(ramp + window)) begin
        $display("payload %0d busy %0d", payload - payload_begin, busy - busy_begin);
        $finish;
      end
    end
  end

endmodule
