// The queue pairs: rings, indices, and what commands, doorbells and errors do to them.
//
// The other blocks look up a queue of theirs and report events (slots consumed, request accepted, completion issued, completion
// written); this module owns every index that outlives an event. Indices lie in tables, one queue's looked up by each user, so
// that a queue costs memory and, in sgdma_states, a few flags.

module sgdma_queues #(
    parameter int QUEUES = 4,
    parameter int TABLE_ALIGN = 256,
    parameter longint TABLE_BOUNDARY = 0,
    parameter int ADDRESS_BITS = 64,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int CQ = sgdma_pkg::CQ_PTR
) (
    input  logic              clk,
    input  logic              rst,

    // Registers: configuration, command, doorbells, read-back of the selected queue.
    input  logic [7:0]        cfg_queue,
    input  logic [63:0]       cfg_sq_base,
    input  logic [63:0]       cfg_cq_base,
    input  logic [4:0]        cfg_sq_log2,
    input  logic [4:0]        cfg_cq_log2,
    input  logic              cmd_valid,
    input  logic [2:0]        cmd_op,
    output logic [3:0]        cmd_result,
    output logic              cmd_start,
    input  logic              sq_db_valid,
    input  logic [7:0]        sq_db_queue,
    input  logic [SQ-1:0]     sq_db_tail,
    input  logic              cq_db_valid,
    input  logic [7:0]        cq_db_queue,
    input  logic [CQ-1:0]     cq_db_head,
    input  logic              cq_db_arm,
    output logic [3:0]        q_state,
    output logic [3:0]        q_error,
    output logic [15:0]       q_in_flight,
    output logic [SQ-1:0]     q_sq_head,
    output logic [CQ-1:0]     q_cq_tail,
    output logic              stray,
    output logic              error_event,

    // What the other blocks see of every queue.
    output logic [QUEUES-1:0]         fetching,   // descriptors may be fetched; a cycle late
    output logic [QUEUES-1:0]         accepting,  // requests may be accepted; a cycle late
    output logic [QUEUES-1:0]         aborting,   // a cycle behind the state
    output logic [QUEUES-1:0]         failed,     // in ERROR
    output logic [QUEUES-1:0]         restart,    // START: forget what was prefetched; nothing is consumed, accepted or issued
    output logic [QUEUES-1:0]         drained,    // everything up to the tail is consumed, two cycles late
    output logic [CQ-1:0]     unread,             // written completions that the host has not taken, less one and signed, of a
                                                  // queue where they changed
    output logic [QW-1:0]     unread_queue,
    output logic [QUEUES-1:0] arm,                // the vector: `unread` is of it and knows of the doorbell in the next cycle

    // Look-up for the descriptor fetch.
    input  logic [QW-1:0]     fetch_queue,
    output logic [63:0]       fetch_base,
    output logic [SQ-1:0]     fetch_mask,         // slots of the ring less one
    output logic [SQ-1:0]     fetch_tail,
    output logic [SQ-1:0]     fetch_head,
    output logic              doorbell,           // the tail of a queue moves
    output logic [QW-1:0]     doorbell_queue,
    input  logic [QUEUES-1:0] fetch_busy,
    input  logic              fetch_error,
    input  logic [QW-1:0]     fetch_error_queue,

    // Look-up and events of the checker.
    input  logic [QW-1:0]     check_queue,
    output logic [SQ-1:0]     check_head,
    output logic              check_last,         // the slot at the head is the last one before the tail
    output logic              check_fills,        // no place is left in the completion ring
    output logic              check_full,         // the same, a cycle late
    output logic              check_retry,        // places may have become free
    input  logic [QW-1:0]     pick_queue,
    output logic [SQ-1:0]     pick_head,
    input  logic              consume,            // one slot consumed
    input  logic              accept,             // one request accepted: a completion will follow

    // Look-up and events of the completion writer.
    input  logic [QW-1:0]     place_queue,        // whose next record's place is asked for
    output logic [63:0]       place_base,
    output logic [CQ-1:0]     place_mask,
    output logic [CQ-1:0]     place_index,
    input  logic [QW-1:0]     issue_queue,
    input  logic [CQ-1:0]     issue_index,        // of the record that is sent
    output logic [SQ-1:0]     issue_sq_head,
    input  logic              issue,              // one completion record sent on its way
    input  logic              written,            // its write response has come
    input  logic              written_error,
    input  logic [QW-1:0]     written_queue
);

  logic [QUEUES-1:0][3:0] state, error;
  logic [QUEUES-1:0] busy, begun;
  logic [63:0] sq_base_mem [QUEUES];
  logic [63:0] cq_base_mem [QUEUES];
  logic [SQ-1:0] sq_mask_mem [QUEUES];             // entries of the rings less one
  logic [CQ-1:0] cq_mask_mem [QUEUES];

  // ----------------------------------------------------------------------------------- commands and doorbells

  wire [QW-1:0] sel = QUEUES > 1 ? QW'(cfg_queue) : '0;
  wire [QW-1:0] sq_db = QUEUES > 1 ? QW'(sq_db_queue) : '0;
  wire [QW-1:0] cq_db = QUEUES > 1 ? QW'(cq_db_queue) : '0;
  logic do_command;
  logic [QUEUES-1:0] accepted_late_reg;            // a request may have been accepted that `busy` does not know of
  wire occupied = busy[sel] || fetch_busy[sel] || fetching[sel] || accepted_late_reg[sel];

  always_ff @(posedge clk) accepted_late_reg <= rst ? '0 : accepting;

  logic [2:0] op_reg;
  logic [SQ-1:0] start_sq_mask, sq_db_head, sq_db_old, sq_value;
  logic [CQ-1:0] start_cq_mask, cq_db_old, cq_db_issued, cq_value;
  logic sq_rung, sq_known, sq_bad, sq_more, cq_rung, cq_known, cq_bad, cq_arm;
  logic [QW-1:0] sq_queue, cq_queue;

  sgdma_command #(
      .QUEUES(QUEUES), .TABLE_ALIGN(TABLE_ALIGN), .TABLE_BOUNDARY(TABLE_BOUNDARY), .ADDRESS_BITS(ADDRESS_BITS)
  ) command (
      .clk(clk), .rst(rst),
      .cfg_queue(cfg_queue), .cfg_sq_base(cfg_sq_base), .cfg_cq_base(cfg_cq_base), .cfg_sq_log2(cfg_sq_log2),
      .cfg_cq_log2(cfg_cq_log2), .cmd_valid(cmd_valid), .cmd_op(cmd_op), .cmd_result(cmd_result),
      .state(state[sel]), .error(error[sel]), .busy(occupied),
      .perform(do_command), .start(cmd_start), .op(op_reg), .sq_mask(start_sq_mask), .cq_mask(start_cq_mask));

  sgdma_doorbell #(.QUEUES(QUEUES)) doorbells (
      .clk(clk), .rst(rst),
      .sq_db_valid(sq_db_valid), .sq_db_queue(sq_db_queue), .sq_db_tail(sq_db_tail),
      .cq_db_valid(cq_db_valid), .cq_db_queue(cq_db_queue), .cq_db_head(cq_db_head), .cq_db_arm(cq_db_arm),
      .sq_idle(state[sq_db] == sgdma_pkg::QUEUE_IDLE), .sq_head(sq_db_head), .sq_old(sq_db_old),
      .sq_mask(sq_mask_mem[sq_db]), .cq_idle(state[cq_db] == sgdma_pkg::QUEUE_IDLE), .cq_old(cq_db_old),
      .cq_issued(cq_db_issued),
      .sq_rung(sq_rung), .sq_known(sq_known), .sq_bad(sq_bad), .sq_more(sq_more), .sq_queue(sq_queue), .sq_value(sq_value),
      .cq_rung(cq_rung), .cq_known(cq_known), .cq_bad(cq_bad), .cq_arm(cq_arm), .cq_queue(cq_queue), .cq_value(cq_value));

  // -------------------------------------------------------------------------------------------------- states

  // A record is written in one cycle, counted in the next, and a queue that then owes none is idle from the one behind that.
  logic look_record, record_error_reg, last_reg, settled, even_reg;
  logic [QW-1:0] look_queue, even_queue_reg;
  logic sq_moves, cq_moves;                        // the tail, the completion ring's head

  sgdma_states #(.QUEUES(QUEUES)) states (
      .clk(clk), .rst(rst),
      .do_command(do_command), .op(op_reg), .op_queue(sel),
      .sq_rung(sq_rung), .sq_known(sq_known), .sq_bad(sq_bad), .sq_more(sq_more), .sq_queue(sq_queue), .sq_moves(sq_moves),
      .cq_rung(cq_rung), .cq_known(cq_known), .cq_bad(cq_bad), .cq_queue(cq_queue), .cq_moves(cq_moves),
      .accept(accept), .accept_queue(check_queue), .settled(last_reg && settled), .settled_queue(unread_queue),
      .even(even_reg), .even_queue(even_queue_reg), .fetch_error(fetch_error), .fetch_error_queue(fetch_error_queue),
      .record_error(look_record && record_error_reg), .record_queue(look_queue),
      .state(state), .error(error), .busy(busy), .begun(begun), .restart(restart), .fetching(fetching),
      .accepting(accepting), .aborting(aborting), .failed(failed), .drained(drained), .stray(stray),
      .error_event(error_event));

  // ------------------------------------------------------------------------------------------------- indices

  // Cleared by START, for which the checker and the writer of records hold still. The tail is compared with the head where the
  // checker is, a cycle late.
  logic [SQ-1:0] check_tail, sel_head;
  logic [CQ-1:0] check_accepted, look_accepted, sel_accepted, check_cq_head, look_cq_head, look_written, sel_written;

  sgdma_table #(.WIDTH(SQ), .QUEUES(QUEUES), .READS(3)) tails (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(sq_moves), .write_queue(sq_queue), .write_data(sq_value),
      .read_queue({sq_db, fetch_queue, check_queue}), .read_data({sq_db_old, fetch_tail, check_tail}));

  wire [SQ-1:0] head_next = check_head + 1'b1;

  sgdma_table #(.WIDTH(SQ), .QUEUES(QUEUES), .READS(6)) heads (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(consume), .write_queue(check_queue), .write_data(head_next),
      .read_queue({sq_db, fetch_queue, check_queue, pick_queue, issue_queue, sel}),
      .read_data({sq_db_head, fetch_head, check_head, pick_head, issue_sq_head, sel_head}));

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(3)) cq_heads (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(cq_moves), .write_queue(cq_queue), .write_data(cq_value),
      .read_queue({cq_db, check_queue, look_queue}), .read_data({cq_db_old, check_cq_head, look_cq_head}));

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(3)) accepted (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(accept), .write_queue(check_queue), .write_data(check_accepted + 1'b1),
      .read_queue({check_queue, look_queue, sel}), .read_data({check_accepted, look_accepted, sel_accepted}));

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(2)) issues (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(issue), .write_queue(issue_queue), .write_data(issue_index + 1'b1),
      .read_queue({place_queue, cq_db}), .read_data({place_index, cq_db_issued}));

  wire [CQ-1:0] written_next = look_written + 1'b1;                  // with `look_record` only

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(2), .APART(1)) writes (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(look_record), .write_queue(look_queue), .write_data(written_next),
      .read_queue({look_queue, sel}), .read_data({look_written, sel_written}));

  // A completion ring holds as many records as places were given, or fewer: it is full when the distance is its size.
  wire [CQ-1:0] taken = check_accepted ^ check_cq_head;

  // Whether head + 1 == tail, without a carry where tables are read first: bits differ where all below them were ones and have
  // become zeros.
  wire last_slot = (check_head ^ check_tail) == {check_head[SQ-2:0] & ~check_tail[SQ-2:0], 1'b1};
  assign check_last = QUEUES > 1 ? last_slot : head_next == check_tail;
  assign check_fills = (taken & cq_mask_mem[check_queue]) == '0 && taken != '0;

  always_ff @(posedge clk) begin
    check_full <= check_fills;
    even_reg <= check_head == check_tail && !consume;
    even_queue_reg <= check_queue;
  end

  logic retry_reg;
  always_ff @(posedge clk) retry_reg <= cq_rung;
  assign check_retry = cq_rung || retry_reg || cmd_start;
  assign doorbell = sq_rung && sq_known;
  assign doorbell_queue = sq_queue;

  // ------------------------------------------------------------------------------------------ unread completions

  // Whether written + 1 == accepted, without a carry as above. The tables of one queue are registers, which are compared when the
  // record is counted.
  wire one_short = (look_written ^ look_accepted) == {look_written[CQ-2:0] & ~look_accepted[CQ-2:0], 1'b1};
  wire owes_one = QUEUES == 1 || one_short;
  assign settled = QUEUES > 1 || look_written == look_accepted;

  // The last completion that was owed, unless another one is owed from this cycle on.
  always_ff @(posedge clk) begin
    record_error_reg <= written_error;
    last_reg <= look_record && owes_one && !(accept && check_queue == look_queue);
  end

  sgdma_unread #(.QUEUES(QUEUES)) reckoning (
      .clk(clk), .rst(rst), .restart(restart), .begun(begun), .written(written), .written_queue(written_queue),
      .rung(cq_rung), .rung_queue(cq_queue), .rung_arm(cq_arm && cq_moves),
      .look_queue(look_queue), .look_record(look_record), .look_written(look_written), .look_cq_head(look_cq_head),
      .unread(unread), .unread_queue(unread_queue), .arm(arm));

  // ------------------------------------------------------------------------------------------------ look-ups

  always_ff @(posedge clk) begin
    if (cmd_start) begin
      sq_base_mem[sel] <= cfg_sq_base;
      cq_base_mem[sel] <= cfg_cq_base;
      sq_mask_mem[sel] <= start_sq_mask;
      cq_mask_mem[sel] <= start_cq_mask;
    end
  end

  assign fetch_base = sq_base_mem[fetch_queue];
  assign fetch_mask = sq_mask_mem[fetch_queue];
  assign place_base = cq_base_mem[place_queue];
  assign place_mask = cq_mask_mem[place_queue];

  always_ff @(posedge clk) begin
    q_state <= state[sel];
    q_error <= error[sel];
    if (!begun[sel]) begin
      q_in_flight <= '0;
      q_sq_head <= '0;
      q_cq_tail <= '0;
    end else begin
      q_in_flight <= sel_accepted - sel_written;
      q_sq_head <= sel_head;
      q_cq_tail <= sel_written;
    end
  end

endmodule
