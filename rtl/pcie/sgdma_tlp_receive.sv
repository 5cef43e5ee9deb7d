// Takes the stream of arriving TLPs apart: beats of completions go to the reader, requests are kept whole for the completer.
//
// Of a request no more than its first five dwords are kept: header and one dword of data. The FIFO holds REQUESTS of them; a host
// that sends more waits, and completions behind them as well.

module sgdma_tlp_receive #(
    parameter int DATA_WIDTH = 64,
    parameter int REQUESTS = 16,
    localparam int LANES = DATA_WIDTH / 32
) (
    input  logic                   clk,
    input  logic                   rst,

    input  logic                   in_valid,
    output logic                   in_ready,
    input  logic                   in_last,
    input  logic [DATA_WIDTH-1:0]  in_data,

    output logic                   beat_valid,
    output logic                   beat_begins,
    output logic                   beat_last,
    output logic [DATA_WIDTH-1:0]  beat_data,
    output logic [2:0][31:0]       beat_head,

    output logic                   request_valid,
    input  logic                   request_ready,
    output logic [4:0][31:0]       request
);

  localparam int WHOLE = LANES == 2 ? 1 : 0;       // beat in which a completion's header ends
  localparam int KEPT = (5 + LANES - 1) / LANES;   // beats that are kept of a request

  logic valid_reg, last_reg, room_reg, completion_reg;
  logic [DATA_WIDTH-1:0] data_reg;
  logic [1:0] beat_reg;                            // of the packet, at most 3
  logic [KEPT*LANES-1:0][31:0] kept, kept_reg;
  logic [$clog2(REQUESTS):0] level;

  assign in_ready = room_reg;

  wire completion = beat_reg == 2'd0 ? data_reg[28:25] == sgdma_tlp_pkg::GROUP_COMPLETION : completion_reg;

  always_comb begin
    kept = kept_reg;
    for (int beat = 0; beat < KEPT; beat++)
      if (beat_reg == 2'(beat)) kept[beat*LANES +: LANES] = data_reg;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      valid_reg <= 1'b0;
      beat_reg <= 2'd0;
      room_reg <= 1'b0;
    end else begin
      room_reg <= level < ($clog2(REQUESTS) + 1)'(REQUESTS - 4);
      valid_reg <= in_valid && in_ready;
      if (valid_reg) beat_reg <= last_reg ? 2'd0 : beat_reg == 2'd3 ? 2'd3 : beat_reg + 2'd1;
    end
    data_reg <= in_data;
    last_reg <= in_last;
    if (valid_reg) begin
      kept_reg <= kept;
      completion_reg <= completion;
    end
  end

  logic begun_reg;                                 // of a completion: its header was whole

  // A packet that ends before its header is whole was none; the reader hears nothing of it.
  wire header = beat_reg == 2'(WHOLE);

  always_ff @(posedge clk) begin
    if (rst) begun_reg <= 1'b0;
    else if (valid_reg) begun_reg <= !last_reg && (begun_reg || header);
  end

  assign beat_valid = valid_reg && completion && (header || begun_reg);
  assign beat_begins = header && !begun_reg;
  assign beat_last = last_reg;
  assign beat_data = data_reg;
  assign beat_head = kept[2:0];

  sgdma_fifo #(.WIDTH(160), .DEPTH(REQUESTS)) requests (
      .clk(clk), .rst(rst),
      .in_valid(valid_reg && last_reg && !completion), .in_ready(), .in_data(kept[4:0]),
      .out_valid(request_valid), .out_ready(request_ready), .out_data(request), .level(level));

endmodule
