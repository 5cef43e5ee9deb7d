// Turns the segments of checked requests into bursts, none of which crosses a multiple of BURST bytes: one a cycle, and a cycle
// to take in a segment.
//
// For every request that is begun, its command goes to user logic first. A request of a queue that is being aborted is cut
// short: its remaining segments are dropped and one last record with `burst_kill` ends it. `burst_begun` tells whether user
// logic has been told of the request. `drop` cuts the present request short likewise.
//
// Bursts go through a small FIFO, so that whoever takes them reaches no further than that. What is asked of an abort is asked a
// cycle late, and not of the request before: a burst more does no harm.
//
// A segment comes as its address and where its last byte lies, counted from the start of its first block of BURST bytes. It
// stays on show in the list while it is cut: all that is kept of it here is how many blocks have passed.

module sgdma_split #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int BURST = 512,
    parameter int UNIT = 0,                        // log2 of what divides all addresses and lengths, if that is a beat or more
    parameter int REACH = 33,                      // bits that tell where a segment ends
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int BB = $clog2(BURST),
    localparam int LB = $clog2(DATA_WIDTH / 8)
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [QUEUES-1:0]     aborting,
    input  logic                  drop,

    input  logic                  request_valid,
    output logic                  request_ready,   // taken, one cycle
    input  logic [QW-1:0]         request_queue,
    input  logic [15:0]           request_tag,

    input  logic                  list_valid,
    output logic                  list_ready,
    input  logic [ADDR_WIDTH-1:0] list_address,
    input  logic [REACH-1:0]      list_reach,
    input  logic                  list_last,

    output logic                  cmd_push,        // the request being taken is begun
    input  logic                  cmd_room,

    output logic                  burst_valid,
    input  logic                  burst_ready,
    output logic [ADDR_WIDTH-1:0] burst_address,
    output logic [BB-LB:0]        burst_extent,    // beats less one
    output logic                  burst_single,    // one beat
    output logic [LB-1:0]         burst_tail,      // last byte of the last beat
    output logic [QW-1:0]         burst_queue,
    output logic [15:0]           burst_tag,
    output logic                  burst_segment_last,
    output logic                  burst_request_last,
    output logic                  burst_kill,
    output logic                  burst_begun,
    output logic                  burst_end_push   // a request's last record goes into the FIFO
);

  if (BURST > 4096 || BURST > 256 * (DATA_WIDTH / 8) || BURST < DATA_WIDTH / 4 || (1 << BB) != BURST) begin : g_bad_burst
    $error("sgdma_split: BURST = %0d must be a power of two from 2 to 256 beats, and at most 4096", BURST);
  end

  if (UNIT != 0 && (UNIT < LB || UNIT >= BB)) begin : g_bad_unit
    $error("sgdma_split: UNIT = %0d must be 0, or from a beat to less than a burst: %0d to %0d", UNIT, LB, BB - 1);
  end

  typedef enum logic [1:0] {RUN, DROP, KILL} state_t;
  state_t state_reg, state_next;
  logic opening_reg;                               // the next segment begins a request
  logic begun_reg;
  logic [QW-1:0] queue_reg;
  logic [15:0] tag_reg;

  localparam int CUT = UNIT != 0 ? UNIT : LB;      // bursts are measured in units, or in beats
  localparam logic [BB-1:0] STARTS = UNIT != 0 ? {BB{1'b1}} << CUT : '1;

  // The segment being cut: its blocks behind the present one are counted on `list_reach`.
  localparam int MORE = REACH - BB;
  logic have_reg, final_reg;
  logic [BB-1:0] start_reg;                        // where the burst starts in its block
  logic [MORE-1:0] block_reg, next_reg;            // the block to be cut, and the one behind what `final_reg` looks at

  logic abort, room;
  wire abort_next = aborting[request_queue];
  wire cut = state_reg == RUN && have_reg && !abort && room;
  wire free = state_reg == RUN && !have_reg;
  wire turn = free && opening_reg && request_valid;
  wire open = turn && !abort_next && list_valid && cmd_room;
  wire refuse = turn && abort_next;
  wire cut_short = state_reg == RUN && abort && (have_reg || !opening_reg);
  wire load = open || (free && !opening_reg && !abort && list_valid);
  wire done = cut && final_reg;

  assign request_ready = open || refuse;
  assign cmd_push = open;
  assign list_ready = done || state_reg == DROP;

  always_comb begin
    state_next = state_reg;
    case (state_reg)
      RUN:
        if (refuse) state_next = DROP;
        else if (cut_short) state_next = DROP;
      DROP:
        if (list_valid && list_last) state_next = KILL;
      default:
        if (room) state_next = RUN;
    endcase
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= RUN;
      have_reg <= 1'b0;
      opening_reg <= 1'b1;
      abort <= 1'b0;
    end else begin
      state_reg <= state_next;
      abort <= (aborting[queue_reg] || drop) && !request_ready;
      if (load) have_reg <= 1'b1;
      else if (done || cut_short) have_reg <= 1'b0;
      if (load) opening_reg <= list_last;
      else if (state_reg == KILL) opening_reg <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (request_ready) begin
      queue_reg <= request_queue;
      tag_reg <= request_tag;
      begun_reg <= open;
    end
    if (load) start_reg <= list_address[BB-1:0] & STARTS;
    else if (cut) start_reg <= '0;
    if (load || cut) final_reg <= list_reach[REACH-1:BB] == next_reg;
    if (!have_reg) block_reg <= '0;
    else if (cut) block_reg <= block_reg + 1'b1;
    if (done || (!have_reg && !load)) next_reg <= '0;
    else if (load || cut) next_reg <= next_reg + 1'b1;
  end

  localparam int BURST_BITS = ADDR_WIDTH + (BB - CUT) + 1 + LB + QW + 16 + 4;
  wire [ADDR_WIDTH-1:BB] block = list_address[ADDR_WIDTH-1:BB] + (ADDR_WIDTH - BB)'(block_reg);
  wire [BB-CUT-1:0] from = start_reg[BB-1:CUT];
  wire [BB-CUT-1:0] to = final_reg ? list_reach[BB-1:CUT] : '1;
  wire kill = state_reg == KILL;
  wire last = (final_reg && list_last) || kill;
  wire [LB-1:0] tail = final_reg ? list_reach[LB-1:0] : '1;
  wire single = CUT == LB && to == from;
  logic [BB-CUT-1:0] extent, shown_extent;

  assign extent = to - from;
  assign burst_end_push = (cut || kill) && room && last;

  logic [ADDR_WIDTH-1:0] shown_address;
  logic [LB-1:0] shown_tail;
  logic shown_single;
  assign burst_single = CUT == LB && shown_single;
  assign burst_address = shown_address & {{ADDR_WIDTH - BB{1'b1}}, STARTS};
  assign burst_tail = UNIT != 0 ? '1 : shown_tail;
  assign burst_extent = (BB - LB + 1)'({shown_extent, {CUT - LB + 1{1'b1}}} >> 1);

  sgdma_fifo #(.WIDTH(BURST_BITS), .DEPTH(4)) bursts (
      .clk(clk), .rst(rst),
      .in_valid(cut || kill), .in_ready(room),
      .in_data({block, start_reg, extent, single, tail, queue_reg, tag_reg, final_reg, last, kill, begun_reg}),
      .out_valid(burst_valid), .out_ready(burst_ready),
      .out_data({shown_address, shown_extent, shown_single, shown_tail, burst_queue, burst_tag, burst_segment_last,
                 burst_request_last, burst_kill, burst_begun}), .level());

  wire unused = &{1'b0, list_reach};

endmodule
