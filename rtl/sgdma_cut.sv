// C2H's cutter: the stream of user logic becomes the beats of write bursts, with their strobes.
//
//   bursts of the splitter --> the one that is cut --> lanes wanted --+
//                                                                     v
//   stream --> slice -------------------------------------------> unpack --> beats
//
// A request that is cut short (abort, packet ended early) has its partial burst rolled back and the rest of its packet discarded
// up to TLAST. What is asked each beat are registers.

module sgdma_cut #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int BURST = 512,
    parameter bit REALIGN = 1,
    parameter int GRANULE = 1,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int BYTES = DATA_WIDTH / 8,
    localparam int LB = $clog2(BYTES),
    localparam int BB = $clog2(BURST)
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [QUEUES-1:0]     aborting,

    // Bursts of the splitter, which drops the rest of a request that is cut short.
    input  logic                  job_valid,
    output logic                  job_ready,
    input  logic [ADDR_WIDTH-1:0] job_address,
    input  logic [BB-LB:0]        job_extent,         // beats less one
    input  logic                  job_single,
    input  logic [LB-1:0]         job_tail,
    input  logic [QW-1:0]         job_queue,
    input  logic [15:0]           job_tag,
    input  logic                  job_segment_last,
    input  logic                  job_request_last,
    input  logic                  job_kill,
    input  logic                  job_end_push,
    output logic                  drop,

    // User logic, and what is taken of its stream.
    output logic                  cancel,
    input  logic                  stream_valid,
    output logic                  stream_ready,
    input  logic [DATA_WIDTH-1:0] stream_data,
    input  logic [BYTES-1:0]      stream_keep,
    input  logic                  stream_last,
    input  logic                  stream_error,
    output logic                  word_taken,
    output logic [DATA_WIDTH-1:0] word_data,
    output logic [BYTES-1:0]      word_keep,
    output logic                  word_last,

    // Beats, while there is room; a rollback takes back those of a burst that has not ended, and the beat of its own cycle.
    input  logic                  room,               // for a beat, and for what ends with a burst's last
    input  logic                  kill_room,          // for what ends with a request that is cut short
    output logic                  beat,
    output logic [DATA_WIDTH-1:0] beat_data,
    output logic [BYTES-1:0]      beat_strobe,
    output logic                  rollback,

    // What ends: a burst with its last beat, a request that is cut short, a packet with the request's last beat or otherwise.
    output logic                  burst_done,
    output logic                  kill_done,
    output logic                  packet_over,
    output logic                  packet_lost,
    output logic                  bad,                // something was wrong with the packet so far
    output logic [ADDR_WIDTH-1:0] burst_address,
    output logic [BB-LB:0]        burst_extent,
    output logic [BB-1:0]         burst_bytes,        // less one
    output logic [QW-1:0]         burst_queue,
    output logic [15:0]           burst_tag,
    output logic                  burst_segment_last,
    output logic                  burst_request_last
);

  // ----------------------------------------------------------------- the burst that is cut, and its next beat

  logic burst_valid, burst_ready;
  logic stop_reg, live_reg;                       // it is to be cut short; there is one and it is not
  logic [LB-1:0] burst_tail;
  logic [BB-LB:0] left_reg;                       // beats behind the next one
  logic final_beat, want_last;                    // it is the burst's last, the request's last
  logic [LB-1:0] lane, tail;                      // its first and its last byte
  logic [LB:0] count;                             // its bytes
  wire [LB-1:0] job_lane = REALIGN ? job_address[LB-1:0] : '0;
  wire next_final = left_reg == (BB - LB + 1)'(1);

  assign job_ready = !burst_valid || burst_ready;

  always_ff @(posedge clk) begin
    if (rst) burst_valid <= 1'b0;
    else if (job_ready) burst_valid <= job_valid;
    stop_reg <= job_ready ? job_kill || aborting[job_queue] : stop_reg || aborting[burst_queue];
    live_reg <= !rst && (job_ready ? job_valid && !job_kill && !aborting[job_queue] : live_reg && !aborting[burst_queue]);
    if (job_ready) begin
      burst_address <= job_address;
      burst_extent <= job_extent;
      burst_tail <= job_tail;
      burst_queue <= job_queue;
      burst_tag <= job_tag;
      burst_segment_last <= job_segment_last;
      burst_request_last <= job_request_last;
      left_reg <= job_extent;
      final_beat <= job_single;
      want_last <= job_single && job_request_last;
      lane <= job_lane;
      tail <= job_single ? job_tail : '1;
      count <= {1'b0, job_single ? job_tail : {LB{1'b1}}} - {1'b0, job_lane} + 1'b1;
    end else if (beat) begin
      left_reg <= left_reg - 1'b1;
      final_beat <= next_final;
      want_last <= next_final && burst_request_last;
      lane <= '0;
      tail <= next_final ? burst_tail : '1;
      count <= next_final ? {1'b0, burst_tail} + 1'b1 : (LB + 1)'(BYTES);
    end
  end

  logic [2:0] ends_reg;                           // requests that end in the splitter's FIFO or here
  wire end_out = burst_valid && burst_ready && burst_request_last;

  always_ff @(posedge clk) begin
    if (rst) ends_reg <= 3'd0;
    else if (job_end_push != end_out) ends_reg <= ends_reg + {{2{end_out}}, 1'b1};
  end

  assign beat_strobe = ({BYTES{1'b1}} << lane) & ({BYTES{1'b1}} >> ~tail);
  assign burst_bytes = {burst_extent[BB-LB-1:0], burst_tail} - (REALIGN ? BB'(burst_address[LB-1:0]) : BB'(0));

  // -------------------------------------------------------------------------------------------------- stream

  localparam int SLICE = DATA_WIDTH + BYTES + 2;
  logic word_valid, word_ready, word_error;
  logic beat_valid, beat_early, beat_broken, beat_open, beat_error;
  logic discarded, discard_reg, discard_next, cutting_reg, cutting_next, halt_reg;     // halt: one of the two

  sgdma_fifo #(.WIDTH(SLICE), .DEPTH(2)) slice (
      .clk(clk), .rst(rst),
      .in_valid(stream_valid), .in_ready(stream_ready), .in_data({stream_data, stream_keep, stream_last, stream_error}),
      .out_valid(word_valid), .out_ready(word_ready), .out_data({word_data, word_keep, word_last, word_error}),
      .level());

  assign word_taken = word_valid && word_ready;

  sgdma_unpack #(.DATA_WIDTH(DATA_WIDTH), .REALIGN(REALIGN), .GRANULE(GRANULE)) unpack (
      .clk(clk), .rst(rst),
      .in_valid(word_valid), .in_ready(word_ready), .in_data(word_data), .in_keep(word_keep), .in_last(word_last),
      .in_error(word_error),
      .want_valid(live_reg && !halt_reg), .want_lane(lane), .want_count(count), .want_last(want_last),
      .discard(discard_reg), .discarded(discarded),
      .out_valid(beat_valid), .out_ready(room), .out_data(beat_data), .out_early(beat_early),
      .out_broken(beat_broken), .out_open(beat_open), .out_error(beat_error));

  assign beat = beat_valid && room;
  assign burst_done = beat && final_beat && !beat_early;
  assign packet_over = burst_done && burst_request_last && !beat_open;

  // ----------------------------------------------------------------------------------------------- cut short

  // Begins once, waits for the discarding of an earlier packet, and ends with the request's last record. A packet that ends early
  // is over with the beat that tells so, which is rolled back.
  wire cut_short = stop_reg || cutting_reg;
  wire cut_begin = burst_valid && cut_short && !cutting_reg && !discard_reg;
  wire cut_going = burst_valid && cut_short && (cutting_reg || !discard_reg);
  wire early = beat && beat_early;
  wire discard_begin = cut_begin || (beat && want_last && beat_open && !beat_early);
  logic stream_bad_reg;

  assign cutting_next = kill_done ? 1'b0 : early || cut_begin || cutting_reg;
  assign discard_next = !discarded && (discard_begin || discard_reg);
  assign rollback = early || cut_begin;
  assign packet_lost = early || discarded;
  assign drop = cutting_reg && ends_reg == 3'd0;
  assign kill_done = cut_going && burst_request_last && kill_room;
  // A burst is over with its last beat; where the packet ends early there, too, if the request goes on: what follows is dropped.
  // So without a realigner nothing need be known of the packet. No beat goes while a request is cut short.
  wire burst_over = beat && final_beat && !(REALIGN && beat_early && want_last);

  assign burst_ready = burst_over || (cut_going && (!burst_request_last || kill_room));
  assign bad = stream_bad_reg || (beat && (beat_error || beat_broken));

  always_ff @(posedge clk) begin
    if (rst) begin
      cutting_reg <= 1'b0;
      discard_reg <= 1'b0;
      halt_reg <= 1'b0;
      stream_bad_reg <= 1'b0;
    end else begin
      cutting_reg <= cutting_next;
      discard_reg <= discard_next;
      halt_reg <= cutting_next || discard_next;
      if ((burst_done && burst_request_last) || kill_done) stream_bad_reg <= 1'b0;
      else if (early || bad) stream_bad_reg <= 1'b1;
    end
  end

  // The stream runs ahead of the engine. `cancel` means the packet that the next accepted beat belongs to, so it must be low
  // once the last beat of the packet to be discarded was accepted: the beats behind it are another request's.
  logic [3:0] ahead_reg;                          // packets that ended on the stream and are still in here
  logic packet_out;                               // a cycle late: then `cancel` is, too
  wire packet_in = stream_valid && stream_ready && stream_last;

  assign cancel = discard_reg && ahead_reg == 4'd0;

  always_ff @(posedge clk) begin
    packet_out <= !rst && (packet_over || packet_lost);
    if (rst) ahead_reg <= 4'd0;
    else if (packet_in != packet_out) ahead_reg <= ahead_reg + {{3{packet_out}}, 1'b1};
  end

endmodule
