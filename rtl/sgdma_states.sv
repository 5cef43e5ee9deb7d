// What state each queue is in, and what commands, doorbells and errors make of it.
//
// What is asked of all queues at once is a flag a queue, set and taken back by events. Flags for others are a cycle behind the
// state.

module sgdma_states #(
    parameter int QUEUES = 4,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1
) (
    input  logic                   clk,
    input  logic                   rst,

    // A command that was found to be good, and judged doorbells: the tail, the completion ring's head moves if they are good.
    input  logic                   do_command,
    input  logic [2:0]             op,
    input  logic [QW-1:0]          op_queue,
    input  logic                   sq_rung,
    input  logic                   sq_known,
    input  logic                   sq_bad,
    input  logic                   sq_more,        // other than it was
    input  logic [QW-1:0]          sq_queue,
    output logic                   sq_moves,
    input  logic                   cq_rung,
    input  logic                   cq_known,
    input  logic                   cq_bad,
    input  logic [QW-1:0]          cq_queue,
    output logic                   cq_moves,

    // What goes on in a queue.
    input  logic                   accept,         // a completion will follow
    input  logic [QW-1:0]          accept_queue,
    input  logic                   settled,        // none is owed any more
    input  logic [QW-1:0]          settled_queue,
    input  logic                   even,           // the head is at the tail, as that was a cycle ago
    input  logic [QW-1:0]          even_queue,
    input  logic                   fetch_error,
    input  logic [QW-1:0]          fetch_error_queue,
    input  logic                   record_error,
    input  logic [QW-1:0]          record_queue,

    output logic [QUEUES-1:0][3:0] state,
    output logic [QUEUES-1:0][3:0] error,
    output logic [QUEUES-1:0]      busy,           // owes completions
    output logic [QUEUES-1:0]      begun,          // STARTed since reset: before that there is nothing in the tables
    output logic [QUEUES-1:0]      restart,        // START: forget what was prefetched; nothing is consumed, accepted or issued
    output logic [QUEUES-1:0]      fetching,       // descriptors may be fetched; in ERROR as long as a list may be walked
    output logic [QUEUES-1:0]      accepting,      // requests may be accepted
    output logic [QUEUES-1:0]      aborting,
    output logic [QUEUES-1:0]      failed,         // in ERROR, not late
    output logic [QUEUES-1:0]      drained,        // everything up to the tail is consumed, two cycles late
    output logic                   stray,          // a doorbell of a queue that is not there was rung
    output logic                   error_event
);

  logic [QUEUES-1:0][3:0] state_next, error_next;
  logic [QUEUES-1:0] closing_reg, failed_reg;
  wire [QUEUES-1:0] just_failed = failed & ~failed_reg;
  logic stray_next;

  always_comb begin
    state_next = state;
    error_next = error;
    sq_moves = 1'b0;
    cq_moves = 1'b0;
    stray_next = stray;
    restart = '0;

    for (int q = 0; q < QUEUES; q++) begin
      if (state[q] == sgdma_pkg::QUEUE_STOPPING && closing_reg[q] && !busy[q]) state_next[q] = sgdma_pkg::QUEUE_STOPPED;
      if (state[q] == sgdma_pkg::QUEUE_ABORTING && !busy[q] && drained[q])
        state_next[q] = sgdma_pkg::QUEUE_STOPPED;
    end

    // An error between a command's judgement and now is stronger.
    if (do_command && !just_failed[op_queue]) begin
      case (op)
        sgdma_pkg::CMD_START: begin
          state_next[op_queue] = sgdma_pkg::QUEUE_RUNNING;
          restart[op_queue] = 1'b1;
        end
        sgdma_pkg::CMD_STOP:   state_next[op_queue] = sgdma_pkg::QUEUE_STOPPING;
        sgdma_pkg::CMD_RESUME: state_next[op_queue] = sgdma_pkg::QUEUE_RUNNING;
        sgdma_pkg::CMD_ABORT:  state_next[op_queue] = sgdma_pkg::QUEUE_ABORTING;
        default:               state_next[op_queue] = sgdma_pkg::QUEUE_IDLE;
      endcase
      error_next[op_queue] = sgdma_pkg::QERR_NONE;
    end

    if (sq_rung) begin
      if (!sq_known) stray_next = 1'b1;
      else if (state[sq_queue] != sgdma_pkg::QUEUE_ERROR) begin
        if (sq_bad) begin
          state_next[sq_queue] = sgdma_pkg::QUEUE_ERROR;
          error_next[sq_queue] = sgdma_pkg::QERR_SQ_DOORBELL;
        end else sq_moves = 1'b1;
      end
    end
    if (cq_rung) begin
      if (!cq_known) stray_next = 1'b1;
      else if (state[cq_queue] != sgdma_pkg::QUEUE_ERROR) begin
        if (cq_bad) begin
          state_next[cq_queue] = sgdma_pkg::QUEUE_ERROR;
          error_next[cq_queue] = sgdma_pkg::QERR_CQ_DOORBELL;
        end else cq_moves = 1'b1;
      end
    end
    if (fetch_error) begin
      state_next[fetch_error_queue] = sgdma_pkg::QUEUE_ERROR;
      error_next[fetch_error_queue] = sgdma_pkg::QERR_FETCH_BUS;
    end
    if (record_error) begin
      state_next[record_queue] = sgdma_pkg::QUEUE_ERROR;
      error_next[record_queue] = sgdma_pkg::QERR_CQ_BUS;
    end
  end

  logic [QUEUES-1:0] moves;                        // tails now or in the cycle before
  logic [QUEUES-1:0] accepts;
  logic moved_reg;                                 // a tail did in the cycle before: what is compared lags
  logic [QW-1:0] moved_queue_reg;

  always_comb begin
    for (int q = 0; q < QUEUES; q++) begin
      accepts[q] = accept && 32'(accept_queue) == q;
      moves[q] = (sq_moves && sq_more && 32'(sq_queue) == q) || (moved_reg && 32'(moved_queue_reg) == q);
      failed[q] = state[q] == sgdma_pkg::QUEUE_ERROR;
    end
  end

  always_ff @(posedge clk) begin
    moved_reg <= sq_moves && sq_more && !rst;
    moved_queue_reg <= sq_queue;
    if (rst) begin
      state <= '0;
      error <= '0;
      busy <= '0;
      begun <= '0;
      accepting <= '0;
      fetching <= '0;
      closing_reg <= '0;
      failed_reg <= '0;
      drained <= '1;
      aborting <= '0;
      stray <= 1'b0;
      error_event <= 1'b0;
    end else begin
      state <= state_next;
      error <= error_next;
      stray <= stray_next;
      error_event <= 1'b0;
      for (int q = 0; q < QUEUES; q++) begin
        fetching[q] <= state[q] != sgdma_pkg::QUEUE_IDLE && state[q] != sgdma_pkg::QUEUE_STOPPED && (!failed[q] || busy[q]);
        aborting[q] <= state[q] == sgdma_pkg::QUEUE_ABORTING;
        accepting[q] <= state[q] == sgdma_pkg::QUEUE_RUNNING || state[q] == sgdma_pkg::QUEUE_ABORTING;
        if (accepts[q]) busy[q] <= 1'b1;
        else if (settled && 32'(settled_queue) == q) busy[q] <= 1'b0;
        closing_reg[q] <= state[q] == sgdma_pkg::QUEUE_STOPPING && !accepting[q];   // the checker asks a cycle later still
        failed_reg[q] <= failed[q];
        if (moves[q]) drained[q] <= 1'b0;
        else if (restart[q] || (even && 32'(even_queue) == q)) drained[q] <= 1'b1;
        if (restart[q]) begun[q] <= 1'b1;
        if (just_failed[q]) error_event <= 1'b1;
      end
    end
  end

endmodule
