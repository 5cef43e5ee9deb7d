// Doorbells: whether the index that the host writes can be true, judged in one cycle and carried out in the next.

module sgdma_doorbell #(
    parameter int QUEUES = 4,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int CQ = sgdma_pkg::CQ_PTR
) (
    input  logic              clk,
    input  logic              rst,

    input  logic              sq_db_valid,
    input  logic [7:0]        sq_db_queue,
    input  logic [SQ-1:0]     sq_db_tail,
    input  logic              cq_db_valid,
    input  logic [7:0]        cq_db_queue,
    input  logic [CQ-1:0]     cq_db_head,
    input  logic              cq_db_arm,

    // What is known of the queues that are rung for, low bits of their numbers.
    input  logic              sq_idle,
    input  logic [SQ-1:0]     sq_head,
    input  logic [SQ-1:0]     sq_old,       // the tail so far
    input  logic [SQ-1:0]     sq_mask,      // slots of the ring less one
    input  logic              cq_idle,
    input  logic [CQ-1:0]     cq_old,       // the head so far
    input  logic [CQ-1:0]     cq_issued,    // records sent on their way

    output logic              sq_rung,
    output logic              sq_known,     // there is such a queue, and it is not idle
    output logic              sq_bad,
    output logic              sq_more,      // the tail moves
    output logic [QW-1:0]     sq_queue,
    output logic [SQ-1:0]     sq_value,
    output logic              cq_rung,
    output logic              cq_known,
    output logic              cq_bad,
    output logic              cq_arm,
    output logic [QW-1:0]     cq_queue,
    output logic [CQ-1:0]     cq_value
);

  // Judged in one cycle and carried out in the next. What the judgement looks at can only have moved in the host's favour by
  // then, and doorbells are a register write apart. A ring has at most half of what an index can count, so that the highest bits
  // of differences tell which of two distances is the longer one.

  logic [3:0] sq_over_reg;
  logic sq_ones_reg, sq_far_reg, sq_back_reg;                        // of the tail's judgement, whose last step is the next cycle's

  wire [SQ:0] sq_ahead = {sq_db_tail, 1'b0} - {sq_head, 1'b1};
  wire [SQ-1:0] sq_ahead_less_one = sq_ahead[SQ:1];
  wire sq_ones = sq_db_tail[SQ-2:0] == sq_head[SQ-2:0];           // nothing is ahead, or half of what an index can count
  wire [SQ-1:0] sq_beyond = sq_db_tail - sq_old;
  wire [CQ-1:0] cq_ahead = cq_db_head - cq_old;
  // The host may see a record before its write response has come back here: issued is what counts.
  wire [CQ-1:0] cq_left = cq_issued - cq_db_head;

  always_ff @(posedge clk) begin
    sq_rung <= sq_db_valid && !rst;
    cq_rung <= cq_db_valid && !rst;
    sq_known <= 32'(sq_db_queue) < QUEUES && !sq_idle;
    cq_known <= 32'(cq_db_queue) < QUEUES && !cq_idle;
    for (int i = 0; i < 4; i++) sq_over_reg[i] <= |(sq_ahead_less_one[SQ/4*i +: SQ/4] & ~sq_mask[SQ/4*i +: SQ/4]);
    sq_ones_reg <= sq_ones;
    sq_far_reg <= sq_ahead_less_one[SQ-1];
    sq_back_reg <= sq_beyond[SQ-1];
    sq_more <= sq_db_tail != sq_old;
    cq_bad <= cq_left[CQ-1] ? cq_db_head != cq_old : cq_ahead[CQ-1] && cq_db_head != cq_issued;
    sq_queue <= QUEUES > 1 ? QW'(sq_db_queue) : '0;
    cq_queue <= QUEUES > 1 ? QW'(cq_db_queue) : '0;
    sq_value <= sq_db_tail;
    cq_value <= cq_db_head;
    cq_arm <= cq_db_arm && 32'(cq_db_queue) < QUEUES;
  end

  assign sq_bad = (|sq_over_reg && !(sq_ones_reg && sq_far_reg)) || (sq_back_reg && !(sq_ones_reg && !sq_far_reg));

  wire unused = sq_ahead[0];

endmodule
