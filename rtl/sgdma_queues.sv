// State of the queue pairs: rings, indices, commands and doorbells.
//
// The other blocks look up a queue of theirs and report events (slots consumed, request accepted, completion issued, completion
// written); this module owns every index that outlives an event. Indices lie in tables, one queue's looked up by each user, so
// that a queue costs memory and a few flags. What is asked of all queues at once is a flag, set and taken back by events.

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
    output logic [CQ-1:0]     unread,             // written completions that the host has not taken, less one and signed, of a queue
                                                  // where they changed
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
    output logic              check_full,         // no place is left in the completion ring, a cycle late
    output logic              check_retry,        // places may have become free
    input  logic [QW-1:0]     pick_queue,
    output logic [SQ-1:0]     pick_head,
    input  logic              consume,            // one slot consumed
    input  logic              accept,             // one request accepted: a completion will follow

    // Look-up and events of the completion writer.
    input  logic [QW-1:0]     issue_queue,
    output logic [63:0]       issue_base,
    output logic [CQ-1:0]     issue_mask,
    output logic [CQ-1:0]     issue_index,
    output logic [SQ-1:0]     issue_sq_head,
    input  logic              issue,              // one completion record sent on its way
    input  logic              written,            // its write response has come
    input  logic              written_error,
    input  logic [QW-1:0]     written_queue
);

  logic [QUEUES-1:0][3:0] state_reg, state_next;
  logic [QUEUES-1:0][3:0] error_reg, error_next;
  logic [QUEUES-1:0] begun_reg;                    // STARTed since reset: before that there is nothing in the tables
  logic [QUEUES-1:0] busy_reg, drained_reg, closing_reg, failed_reg;
  logic [63:0] sq_base_mem [QUEUES];
  logic [63:0] cq_base_mem [QUEUES];
  logic [SQ-1:0] sq_mask_mem [QUEUES];             // entries of the rings less one
  logic [CQ-1:0] cq_mask_mem [QUEUES];
  logic [3:0] result_reg, result_next;
  logic stray_reg, stray_next, error_event_reg;

  // ------------------------------------------------------------------------------------------------ commands

  wire selected = 32'(cfg_queue) < QUEUES;
  wire [QW-1:0] sel = QW'(cfg_queue);
  wire bad_size = cfg_sq_log2 < 5'd2 || cfg_sq_log2 > 5'd19 || cfg_cq_log2 < 5'd1 || cfg_cq_log2 > 5'd15;
  wire bad_align = ((cfg_sq_base[15:0] | cfg_cq_base[15:0]) & 16'(TABLE_ALIGN - 1)) != 16'd0;

  // Looked at in one cycle and judged in the next: the configuration registers are stable for that long before a command. A ring of
  // 2**n bytes crosses a multiple of a power of two when that is less, or when its base has only ones from bit n up to there and
  // not only zeros below.
  localparam int REACH = 24;                       // a ring has at most 2**(REACH - 1) bytes
  logic bad_size_reg, bad_align_reg;
  logic [1:0] bad_boundary_reg, bad_reach_reg;     // 0 submission ring, 1 completion ring
  wire [1:0][63:0] base = {cfg_cq_base, cfg_sq_base};
  logic [SQ-1:0] sq_mask_reg;                      // entries of the rings less one
  logic [CQ-1:0] cq_mask_reg;
  wire [1:0][REACH-1:0] spans = {REACH'({cq_mask_reg, 5'h1f}), {sq_mask_reg, 4'hf}};

  function automatic logic crosses(input logic [63:0] first, input logic [REACH-1:0] span, input int edge_log2);
    logic [63:0] up;
    up = first | 64'(span);
    for (int i = 0; i < 64; i++) if (i >= edge_log2) up[i] = 1'b1;
    crosses = (&up && (first[REACH-1:0] & span) != '0) || (edge_log2 < REACH && |(span >> edge_log2));
  endfunction
  localparam int EDGE = TABLE_BOUNDARY != 0 ? $clog2(TABLE_BOUNDARY) : 64;
  localparam logic [63:0] BEYOND = ADDRESS_BITS < 64 ? ~64'd0 << ADDRESS_BITS : 64'd0;

  always_ff @(posedge clk) begin
    bad_size_reg <= bad_size;
    bad_align_reg <= bad_align;
    sq_mask_reg <= ~({SQ{1'b1}} << cfg_sq_log2);
    cq_mask_reg <= ~({CQ{1'b1}} << cfg_cq_log2);
    for (int r = 0; r < 2; r++) begin
      bad_boundary_reg[r] <= TABLE_BOUNDARY != 0 && crosses(base[r], spans[r], EDGE);
      bad_reach_reg[r] <= (base[r] & BEYOND) != '0 || crosses(base[r], spans[r], ADDRESS_BITS);
    end
  end

  wire [3:0] sel_state = state_reg[sel];
  wire may_stop = sel_state == sgdma_pkg::QUEUE_STOPPED || sel_state == sgdma_pkg::QUEUE_ERROR;
  wire may_abort = sel_state == sgdma_pkg::QUEUE_RUNNING || sel_state == sgdma_pkg::QUEUE_STOPPING
      || sel_state == sgdma_pkg::QUEUE_STOPPED
      || (sel_state == sgdma_pkg::QUEUE_ERROR && (error_reg[sel] == sgdma_pkg::QERR_SQ_DOORBELL
                                                  || error_reg[sel] == sgdma_pkg::QERR_CQ_DOORBELL));

  always_comb begin
    result_next = sgdma_pkg::RESULT_BAD_STATE;
    if (!selected) result_next = sgdma_pkg::RESULT_BAD_QUEUE;
    else begin
      case (cmd_op)
        sgdma_pkg::CMD_START:
          if (sel_state == sgdma_pkg::QUEUE_IDLE) begin
            result_next = bad_size_reg     ? sgdma_pkg::RESULT_BAD_SIZE
                        : bad_align_reg    ? sgdma_pkg::RESULT_TABLE_ALIGN
                        : |bad_boundary_reg ? sgdma_pkg::RESULT_TABLE_BOUNDARY
                        : |bad_reach_reg    ? sgdma_pkg::RESULT_ADDRESS_BITS
                        :                    sgdma_pkg::RESULT_OK;
          end
        sgdma_pkg::CMD_STOP:
          if (sel_state == sgdma_pkg::QUEUE_RUNNING) result_next = sgdma_pkg::RESULT_OK;
        sgdma_pkg::CMD_RESUME:
          if (sel_state == sgdma_pkg::QUEUE_STOPPED) result_next = sgdma_pkg::RESULT_OK;
        sgdma_pkg::CMD_ABORT:
          if (may_abort) result_next = sgdma_pkg::RESULT_OK;
        sgdma_pkg::CMD_RELEASE:
          if (may_stop && !busy_reg[sel] && !fetch_busy[sel]) result_next = sgdma_pkg::RESULT_OK;
        default: result_next = sgdma_pkg::RESULT_BAD_COMMAND;
      endcase
    end
  end

  // Judged in one cycle and carried out in the next, like a doorbell: register writes are further apart.
  logic do_reg;
  logic [2:0] op_reg;
  wire do_command = do_reg;
  assign cmd_result = result_reg;

  always_ff @(posedge clk) begin
    do_reg <= cmd_valid && !rst && result_next == sgdma_pkg::RESULT_OK;
    cmd_start <= cmd_valid && !rst && result_next == sgdma_pkg::RESULT_OK && cmd_op == sgdma_pkg::CMD_START;
    op_reg <= cmd_op;
  end

  // ----------------------------------------------------------------------------------------------- doorbells

  // Judged in one cycle and carried out in the next. What the judgement looks at can only have moved in the host's favour by
  // then, and doorbells are a register write apart. A ring has at most half of what an index can count, so that the highest bits
  // of differences tell which of two distances is the longer one.

  logic sq_db_reg, sq_known_reg, sq_more_reg, cq_db_reg, cq_known_reg, cq_bad_reg, arm_reg;
  logic [3:0] sq_over_reg;
  logic sq_ones_reg, sq_far_reg, sq_back_reg;                        // of the tail's judgement, whose last step is the next cycle's
  logic [QW-1:0] sq_queue_reg, cq_queue_reg;
  logic [SQ-1:0] sq_value_reg;
  logic [CQ-1:0] cq_value_reg;

  wire [QW-1:0] sq_db = QW'(sq_db_queue);
  wire [QW-1:0] cq_db = QW'(cq_db_queue);
  logic [SQ-1:0] sq_db_head, sq_db_old;
  logic [CQ-1:0] cq_db_old, cq_db_issued;
  wire [SQ:0] sq_ahead = {sq_db_tail, 1'b0} - {sq_db_head, 1'b1};
  wire [SQ-1:0] sq_ahead_less_one = sq_ahead[SQ:1];
  wire sq_ones = sq_db_tail[SQ-2:0] == sq_db_head[SQ-2:0];           // nothing is ahead, or half of what an index can count
  wire [SQ-1:0] sq_beyond = sq_db_tail - sq_db_old;
  wire [CQ-1:0] cq_ahead = cq_db_head - cq_db_old;
  // The host may see a record before its write response has come back here: issued is what counts.
  wire [CQ-1:0] cq_left = cq_db_issued - cq_db_head;

  always_ff @(posedge clk) begin
    sq_db_reg <= sq_db_valid && !rst;
    cq_db_reg <= cq_db_valid && !rst;
    sq_known_reg <= 32'(sq_db_queue) < QUEUES && state_reg[sq_db] != sgdma_pkg::QUEUE_IDLE;
    cq_known_reg <= 32'(cq_db_queue) < QUEUES && state_reg[cq_db] != sgdma_pkg::QUEUE_IDLE;
    for (int i = 0; i < 4; i++) sq_over_reg[i] <= |(sq_ahead_less_one[SQ/4*i +: SQ/4] & ~sq_mask_mem[sq_db][SQ/4*i +: SQ/4]);
    sq_ones_reg <= sq_ones;
    sq_far_reg <= sq_ahead_less_one[SQ-1];
    sq_back_reg <= sq_beyond[SQ-1];
    sq_more_reg <= sq_db_tail != sq_db_old;
    cq_bad_reg <= cq_left[CQ-1] ? cq_db_head != cq_db_old : cq_ahead[CQ-1] && cq_db_head != cq_db_issued;
    sq_queue_reg <= sq_db;
    cq_queue_reg <= cq_db;
    sq_value_reg <= sq_db_tail;
    cq_value_reg <= cq_db_head;
    arm_reg <= cq_db_arm && 32'(cq_db_queue) < QUEUES;
  end

  wire sq_bad = (|sq_over_reg && !(sq_ones_reg && sq_far_reg)) || (sq_back_reg && !(sq_ones_reg && !sq_far_reg));

  // -------------------------------------------------------------------------------------------------- states

  logic tail_write, advance;                       // the tail, the completion ring's head moves

  always_comb begin
    state_next = state_reg;
    error_next = error_reg;
    tail_write = 1'b0;
    stray_next = stray_reg;
    restart = '0;

    for (int q = 0; q < QUEUES; q++) begin
      if (state_reg[q] == sgdma_pkg::QUEUE_STOPPING && closing_reg[q] && !busy_reg[q]) state_next[q] = sgdma_pkg::QUEUE_STOPPED;
      if (state_reg[q] == sgdma_pkg::QUEUE_ABORTING && !busy_reg[q] && drained_reg[q])
        state_next[q] = sgdma_pkg::QUEUE_STOPPED;
    end

    if (do_command) begin
      case (op_reg)
        sgdma_pkg::CMD_START: begin
          state_next[sel] = sgdma_pkg::QUEUE_RUNNING;
          restart[sel] = 1'b1;
        end
        sgdma_pkg::CMD_STOP:   state_next[sel] = sgdma_pkg::QUEUE_STOPPING;
        sgdma_pkg::CMD_RESUME: state_next[sel] = sgdma_pkg::QUEUE_RUNNING;
        sgdma_pkg::CMD_ABORT:  state_next[sel] = sgdma_pkg::QUEUE_ABORTING;
        default:               state_next[sel] = sgdma_pkg::QUEUE_IDLE;
      endcase
      error_next[sel] = sgdma_pkg::QERR_NONE;
    end

    if (sq_db_reg) begin
      if (!sq_known_reg) stray_next = 1'b1;
      else if (state_reg[sq_queue_reg] != sgdma_pkg::QUEUE_ERROR) begin
        if (sq_bad) begin
          state_next[sq_queue_reg] = sgdma_pkg::QUEUE_ERROR;
          error_next[sq_queue_reg] = sgdma_pkg::QERR_SQ_DOORBELL;
        end else tail_write = 1'b1;
      end
    end
    advance = 1'b0;
    if (cq_db_reg) begin
      if (!cq_known_reg) stray_next = 1'b1;
      else if (state_reg[cq_queue_reg] != sgdma_pkg::QUEUE_ERROR) begin
        if (cq_bad_reg) begin
          state_next[cq_queue_reg] = sgdma_pkg::QUEUE_ERROR;
          error_next[cq_queue_reg] = sgdma_pkg::QERR_CQ_DOORBELL;
        end else advance = 1'b1;
      end
    end
    if (fetch_error) begin
      state_next[fetch_error_queue] = sgdma_pkg::QUEUE_ERROR;
      error_next[fetch_error_queue] = sgdma_pkg::QERR_FETCH_BUS;
    end
    if (written && written_error) begin
      state_next[written_queue] = sgdma_pkg::QUEUE_ERROR;
      error_next[written_queue] = sgdma_pkg::QERR_CQ_BUS;
    end
  end

  logic [QUEUES-1:0] moves;                        // tails now or in the cycle before
  logic [QUEUES-1:0] accepts;
  logic moved_reg;                                 // a tail did in the cycle before: what is compared lags
  logic [QW-1:0] moved_queue_reg;

  always_comb begin
    for (int q = 0; q < QUEUES; q++) begin
      accepts[q] = accept && 32'(check_queue) == q;
      moves[q] = (tail_write && sq_more_reg && 32'(sq_queue_reg) == q) || (moved_reg && 32'(moved_queue_reg) == q);
      failed[q] = state_reg[q] == sgdma_pkg::QUEUE_ERROR;
    end
  end

  assign drained = drained_reg;
  assign stray = stray_reg;
  assign error_event = error_event_reg;

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= '0;
      error_reg <= '0;
      busy_reg <= '0;
      begun_reg <= '0;
      accepting <= '0;
      fetching <= '0;
      closing_reg <= '0;
      failed_reg <= '0;
      drained_reg <= '1;
      aborting <= '0;
      result_reg <= '0;
      stray_reg <= 1'b0;
      error_event_reg <= 1'b0;
    end else begin
      state_reg <= state_next;
      error_reg <= error_next;
      stray_reg <= stray_next;
      if (cmd_valid) result_reg <= result_next;
      error_event_reg <= 1'b0;
      for (int q = 0; q < QUEUES; q++) begin
        fetching[q] <= state_reg[q] != sgdma_pkg::QUEUE_IDLE && state_reg[q] != sgdma_pkg::QUEUE_STOPPED;
        aborting[q] <= state_reg[q] == sgdma_pkg::QUEUE_ABORTING;
        accepting[q] <= state_reg[q] == sgdma_pkg::QUEUE_RUNNING || state_reg[q] == sgdma_pkg::QUEUE_ABORTING;
        if (accepts[q]) busy_reg[q] <= 1'b1;
        else if (last_written && 32'(look_queue) == q) busy_reg[q] <= 1'b0;
        closing_reg[q] <= state_reg[q] == sgdma_pkg::QUEUE_STOPPING && !accepting[q];   // the checker asks a cycle later still
        failed_reg[q] <= failed[q];
        if (moves[q]) drained_reg[q] <= 1'b0;
        else if (restart[q] || (even_reg && 32'(even_queue_reg) == q)) drained_reg[q] <= 1'b1;
        if (restart[q]) begun_reg[q] <= 1'b1;
        if (failed[q] && !failed_reg[q]) error_event_reg <= 1'b1;
      end
    end
  end

  // ------------------------------------------------------------------------------------------------- indices

  // Cleared by START, for which the checker and the writer of records hold still. The tail is compared with the head where the
  // checker is, a cycle late.
  logic [QW-1:0] look_queue;
  logic [SQ-1:0] check_tail, sel_head;
  logic [CQ-1:0] check_accepted, look_accepted, sel_accepted, check_cq_head, look_cq_head, look_written, sel_written;
  logic even_reg;
  logic [QW-1:0] even_queue_reg;

  sgdma_table #(.WIDTH(SQ), .QUEUES(QUEUES), .READS(3)) tails (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(tail_write), .write_queue(sq_queue_reg), .write_data(sq_value_reg),
      .read_queue({sq_db, fetch_queue, check_queue}), .read_data({sq_db_old, fetch_tail, check_tail}));

  wire [SQ-1:0] head_next = check_head + 1'b1;

  sgdma_table #(.WIDTH(SQ), .QUEUES(QUEUES), .READS(6)) heads (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(consume), .write_queue(check_queue), .write_data(head_next),
      .read_queue({sq_db, fetch_queue, check_queue, pick_queue, issue_queue, sel}),
      .read_data({sq_db_head, fetch_head, check_head, pick_head, issue_sq_head, sel_head}));

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(3)) cq_heads (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(advance), .write_queue(cq_queue_reg), .write_data(cq_value_reg),
      .read_queue({cq_db, check_queue, look_queue}), .read_data({cq_db_old, check_cq_head, look_cq_head}));

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(3)) accepted (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(accept), .write_queue(check_queue), .write_data(check_accepted + 1'b1),
      .read_queue({check_queue, look_queue, sel}), .read_data({check_accepted, look_accepted, sel_accepted}));

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(2)) issues (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(issue), .write_queue(issue_queue), .write_data(issue_index + 1'b1),
      .read_queue({issue_queue, cq_db}), .read_data({issue_index, cq_db_issued}));

  wire [CQ-1:0] written_next = look_written + 1'b1;                  // with `written` only

  sgdma_table #(.WIDTH(CQ), .QUEUES(QUEUES), .READS(2), .APART(1)) writes (
      .clk(clk), .rst(rst), .clear(cmd_start), .clear_queue(sel),
      .write(written), .write_queue(written_queue), .write_data(written_next),
      .read_queue({look_queue, sel}), .read_data({look_written, sel_written}));

  // A completion ring holds as many records as places were given, or fewer: it is full when the distance is its size.
  wire [CQ-1:0] taken = check_accepted ^ check_cq_head;

  assign check_last = head_next == check_tail;

  always_ff @(posedge clk) begin
    check_full <= (taken & cq_mask_mem[check_queue]) == '0 && taken != '0;
    even_reg <= check_head == check_tail && !consume;
    even_queue_reg <= check_queue;
    moved_reg <= tail_write && sq_more_reg && !rst;
    moved_queue_reg <= sq_queue_reg;
  end

  logic retry_reg;
  always_ff @(posedge clk) retry_reg <= cq_db_reg;
  assign check_retry = cq_db_reg || retry_reg || cmd_start;
  assign doorbell = sq_db_reg && sq_known_reg;
  assign doorbell_queue = sq_queue_reg;

  // ------------------------------------------------------- completions that the host has not taken, as events move them

  logic [QUEUES-1:0] stale_reg, arming_reg;        // a doorbell is still to be reckoned with; it arms the vector
  // One carry for the record that is written and for the difference, which is one short. The host may be ahead of the response.
  wire [CQ:0] distance = {look_written, written} - {look_cq_head, 1'b1};
  wire last_written = written && written_next == look_accepted;
  wire unused = distance[0] ^ sq_ahead[0];

  always_comb begin
    look_queue = written_queue;
    if (!written) begin
      look_queue = '0;
      for (int q = QUEUES - 1; q >= 0; q--) if (stale_reg[q]) look_queue = QW'(q);
    end
    for (int q = 0; q < QUEUES; q++) arm[q] = arming_reg[q] && 32'(look_queue) == q;
  end

  always_ff @(posedge clk) begin
    for (int q = 0; q < QUEUES; q++) begin
      if (rst || restart[q]) begin
        stale_reg[q] <= 1'b0;
        arming_reg[q] <= 1'b0;
      end else begin
        if (cq_db_reg && 32'(cq_queue_reg) == q) begin
          stale_reg[q] <= 1'b1;
          arming_reg[q] <= arm_reg || (arming_reg[q] && !arm[q]);
        end else if (32'(look_queue) == q) begin
          stale_reg[q] <= 1'b0;
          arming_reg[q] <= 1'b0;
        end
      end
    end
    unread_queue <= look_queue;
    unread <= begun_reg[look_queue] ? distance[CQ:1] : '1;
  end

  // ------------------------------------------------------------------------------------------------ look-ups

  always_ff @(posedge clk) begin
    if (cmd_start) begin
      sq_base_mem[sel] <= cfg_sq_base;
      cq_base_mem[sel] <= cfg_cq_base;
      sq_mask_mem[sel] <= sq_mask_reg;
      cq_mask_mem[sel] <= cq_mask_reg;
    end
  end

  assign fetch_base = sq_base_mem[fetch_queue];
  assign fetch_mask = sq_mask_mem[fetch_queue];
  assign issue_base = cq_base_mem[issue_queue];
  assign issue_mask = cq_mask_mem[issue_queue];

  always_ff @(posedge clk) begin
    q_state <= state_reg[sel];
    q_error <= error_reg[sel];
    if (!begun_reg[sel]) begin
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
