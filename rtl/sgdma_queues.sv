// State of the queue pairs: rings, indices, commands and doorbells.
//
// The other blocks look at the vectors below and report events (slots consumed, request accepted, completion issued,
// completion written); this module owns every index that outlives an event. A queue's ring bases and sizes are read
// through two look-up ports, so they can sit in distributed memory and cost little per queue.

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
    output logic [QUEUES-1:0]         fetching,   // descriptors may be fetched
    output logic [QUEUES-1:0]         accepting,  // requests may be accepted, and a completion has its place; a cycle late
    output logic [QUEUES-1:0]         aborting,   // a cycle behind the state
    output logic [QUEUES-1:0]         failed,     // in ERROR
    output logic [QUEUES-1:0]         restart,    // START: forget what was prefetched
    output logic [QUEUES-1:0]         drained,    // everything up to the tail is consumed, a cycle late
    output logic [QUEUES-1:0][SQ-1:0] sq_tail,
    output logic [QUEUES-1:0][SQ-1:0] sq_head,
    output logic [QUEUES-1:0][CQ-1:0] cq_unread,  // written completions that the host has not taken
    output logic [QUEUES-1:0]         arm,        // the vector: `cq_unread` knows of the doorbell in the next cycle

    // Look-up for the descriptor fetch.
    input  logic [QW-1:0]     fetch_queue,
    output logic [63:0]       fetch_base,
    output logic [SQ-1:0]     fetch_mask,         // slots of the ring less one
    input  logic [QUEUES-1:0] fetch_busy,
    input  logic              fetch_error,
    input  logic [QW-1:0]     fetch_error_queue,

    // Events of the checker.
    input  logic [QW-1:0]     check_queue,
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
  logic [QUEUES-1:0][SQ-1:0] tail_reg, tail_next, head_reg;
  logic [QUEUES-1:0][CQ-1:0] cq_head_reg, cq_head_next, issued_reg, written_reg;
  logic [QUEUES-1:0][CQ-1:0] flight_reg;           // accepted requests whose completion is not yet written
  logic [QUEUES-1:0][CQ-1:0] room_reg;             // places in the completion ring that nothing will take
  logic [QUEUES-1:0][SQ-1:0] sq_mask_reg;          // entries of the rings less one
  logic [QUEUES-1:0][CQ-1:0] cq_mask_reg;
  logic [QUEUES-1:0] busy_reg, drained_reg, closing_reg, failed_reg;
  logic [QUEUES-1:0] accepted_reg;                 // a request has been accepted in the cycle before: what is counted lags
  logic [63:0] sq_base_mem [QUEUES];
  logic [63:0] cq_base_mem [QUEUES];
  logic [3:0] result_reg, result_next;
  logic stray_reg, stray_next, error_event_reg;

  // ------------------------------------------------------------------------------------------------ commands

  wire selected = 32'(cfg_queue) < QUEUES;
  wire [QW-1:0] sel = QW'(cfg_queue);
  wire bad_size = cfg_sq_log2 < 5'd2 || cfg_sq_log2 > 5'd19 || cfg_cq_log2 < 5'd1 || cfg_cq_log2 > 5'd15;
  wire bad_align = ((cfg_sq_base[15:0] | cfg_cq_base[15:0]) & 16'(TABLE_ALIGN - 1)) != 16'd0;

  // Where a ring ends, in one cycle, and what that means in the next: the configuration registers are stable for that long before
  // a command. A ring has less than 2**24 bytes, so above that its last byte's address differs from its base by a carry at most.
  localparam int REACH = 24;
  logic bad_size_reg, bad_align_reg;
  logic [1:0] bad_boundary_reg, bad_reach_reg;     // 0 submission ring, 1 completion ring
  wire [1:0][63:0] base = {cfg_cq_base, cfg_sq_base};
  wire [1:0][4:0] log2 = {cfg_cq_log2, cfg_sq_log2};
  logic [1:0][REACH-1:0] bytes, moved;             // of the ring, less one; bits that differ between its ends
  logic [1:0][REACH:0] final_reg;                  // address of its last byte, and the carry

  always_comb begin
    for (int r = 0; r < 2; r++) begin
      for (int i = 0; i < REACH; i++) bytes[r][i] = 32'(log2[r]) + 4 + r > i;
      moved[r] = final_reg[r][REACH-1:0] ^ base[r][REACH-1:0];
    end
  end

  // The bits of an address from REACH up to below 2**edge_log2, and those from there up.
  function automatic logic [63:0] between(input int edge_log2);
    for (int i = 0; i < 64; i++) between[i] = i >= REACH && i < edge_log2;
  endfunction
  localparam int EDGE = TABLE_BOUNDARY != 0 ? $clog2(TABLE_BOUNDARY) : 64;
  localparam logic [63:0] TO_EDGE = between(EDGE);
  localparam logic [63:0] TO_END = between(ADDRESS_BITS);
  localparam logic [63:0] BEYOND = ADDRESS_BITS < 64 ? ~64'd0 << ADDRESS_BITS : 64'd0;

  // Whether the ring crosses a multiple of TABLE_BOUNDARY, or of what an address can reach.
  always_ff @(posedge clk) begin
    bad_size_reg <= bad_size;
    bad_align_reg <= bad_align;
    for (int r = 0; r < 2; r++) begin
      final_reg[r] <= {1'b0, base[r][REACH-1:0]} + {1'b0, bytes[r]};
      bad_boundary_reg[r] <= TABLE_BOUNDARY != 0 && (EDGE < REACH && (moved[r] >> EDGE) != '0
          || final_reg[r][REACH] && &(base[r] | ~TO_EDGE));
      bad_reach_reg[r] <= (base[r] & BEYOND) != '0 || (ADDRESS_BITS < REACH && (moved[r] >> ADDRESS_BITS) != '0)
          || (final_reg[r][REACH] && &(base[r] | ~TO_END));
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
  assign cmd_start = do_command && op_reg == sgdma_pkg::CMD_START;
  assign cmd_result = result_reg;

  always_ff @(posedge clk) begin
    do_reg <= cmd_valid && !rst && result_next == sgdma_pkg::RESULT_OK;
    op_reg <= cmd_op;
  end

  // ----------------------------------------------------------------------------------------------- doorbells

  // Judged in one cycle and carried out in the next. What the judgement looks at can only have moved in the host's favour by
  // then, and doorbells are a register write apart. A ring has at most half of what an index can count, so that the highest bits
  // of differences tell which of two distances is the longer one.

  logic sq_db_reg, sq_known_reg, sq_bad_reg, cq_db_reg, cq_known_reg, cq_bad_reg, arm_reg;
  logic [QW-1:0] sq_queue_reg, cq_queue_reg;
  logic [SQ-1:0] sq_value_reg;
  logic [CQ-1:0] cq_value_reg, advance_reg;

  wire [QW-1:0] sq_db = QW'(sq_db_queue);
  wire [QW-1:0] cq_db = QW'(cq_db_queue);
  wire [SQ-1:0] sq_ahead = sq_db_tail - head_reg[sq_db];
  wire [SQ-1:0] sq_ahead_less_one = sq_db_tail + ~head_reg[sq_db];
  wire [SQ-1:0] sq_beyond = sq_db_tail - tail_reg[sq_db];
  wire [CQ-1:0] cq_ahead = cq_db_head - cq_head_reg[cq_db];
  // The host may see a record before its write response has come back here: issued is what counts.
  wire [CQ-1:0] cq_left = issued_reg[cq_db] - cq_db_head;

  always_ff @(posedge clk) begin
    sq_db_reg <= sq_db_valid && !rst;
    cq_db_reg <= cq_db_valid && !rst;
    sq_known_reg <= 32'(sq_db_queue) < QUEUES && state_reg[sq_db] != sgdma_pkg::QUEUE_IDLE;
    cq_known_reg <= 32'(cq_db_queue) < QUEUES && state_reg[cq_db] != sgdma_pkg::QUEUE_IDLE;
    sq_bad_reg <= (sq_db_tail != head_reg[sq_db] && (sq_ahead_less_one & ~sq_mask_reg[sq_db]) != '0)
        || (sq_beyond[SQ-1] && !sq_ahead[SQ-1]);
    cq_bad_reg <= cq_left[CQ-1] ? cq_db_head != cq_head_reg[cq_db] : cq_ahead[CQ-1] && cq_db_head != issued_reg[cq_db];
    sq_queue_reg <= sq_db;
    cq_queue_reg <= cq_db;
    sq_value_reg <= sq_db_tail;
    cq_value_reg <= cq_db_head;
    advance_reg <= cq_ahead;
    arm_reg <= cq_db_arm && 32'(cq_db_queue) < QUEUES;
  end

  // -------------------------------------------------------------------------------------------------- states

  logic advance;                                   // the completion ring's head moves

  always_comb begin
    state_next = state_reg;
    error_next = error_reg;
    tail_next = tail_reg;
    cq_head_next = cq_head_reg;
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
          tail_next[sel] = '0;
          cq_head_next[sel] = '0;
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
        if (sq_bad_reg) begin
          state_next[sq_queue_reg] = sgdma_pkg::QUEUE_ERROR;
          error_next[sq_queue_reg] = sgdma_pkg::QERR_SQ_DOORBELL;
        end else tail_next[sq_queue_reg] = sq_value_reg;
      end
    end
    advance = 1'b0;
    if (cq_db_reg) begin
      if (!cq_known_reg) stray_next = 1'b1;
      else if (state_reg[cq_queue_reg] != sgdma_pkg::QUEUE_ERROR) begin
        if (cq_bad_reg) begin
          state_next[cq_queue_reg] = sgdma_pkg::QUEUE_ERROR;
          error_next[cq_queue_reg] = sgdma_pkg::QERR_CQ_DOORBELL;
        end else begin
          cq_head_next[cq_queue_reg] = cq_value_reg;
          advance = 1'b1;
        end
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

  logic [CQ-1:0] unread;
  logic [QUEUES-1:0] accepts, writes, advances;

  always_comb begin
    for (int q = 0; q < QUEUES; q++) begin
      accepts[q] = accept && 32'(check_queue) == q;
      writes[q] = written && 32'(written_queue) == q;
      advances[q] = advance && 32'(cq_queue_reg) == q;
      arm[q] = cq_db_reg && arm_reg && 32'(cq_queue_reg) == q;
      fetching[q] = state_reg[q] != sgdma_pkg::QUEUE_IDLE && state_reg[q] != sgdma_pkg::QUEUE_STOPPED;
      failed[q] = state_reg[q] == sgdma_pkg::QUEUE_ERROR;
      unread = written_reg[q] - cq_head_reg[q];
      cq_unread[q] = unread[CQ-1] ? '0 : unread;   // the host may be ahead of the write response
    end
  end

  assign drained = drained_reg;
  assign sq_tail = tail_reg;
  assign sq_head = head_reg;
  assign stray = stray_reg;
  assign error_event = error_event_reg;

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= '0;
      error_reg <= '0;
      tail_reg <= '0;
      head_reg <= '0;
      cq_head_reg <= '0;
      flight_reg <= '0;
      room_reg <= '0;
      busy_reg <= '0;
      issued_reg <= '0;
      written_reg <= '0;
      accepting <= '0;
      accepted_reg <= '0;
      closing_reg <= '0;
      failed_reg <= '0;
      drained_reg <= '0;
      aborting <= '0;
      result_reg <= '0;
      stray_reg <= 1'b0;
      error_event_reg <= 1'b0;
    end else begin
      state_reg <= state_next;
      error_reg <= error_next;
      tail_reg <= tail_next;
      cq_head_reg <= cq_head_next;
      stray_reg <= stray_next;
      if (cmd_valid) result_reg <= result_next;
      if (consume) head_reg[check_queue] <= head_reg[check_queue] + 1'b1;
      if (issue) issued_reg[issue_queue] <= issued_reg[issue_queue] + 1'b1;
      if (written) written_reg[written_queue] <= written_reg[written_queue] + 1'b1;
      error_event_reg <= 1'b0;
      for (int q = 0; q < QUEUES; q++) begin
        aborting[q] <= state_reg[q] == sgdma_pkg::QUEUE_ABORTING;
        room_reg[q] <= room_reg[q] + (advances[q] ? advance_reg : CQ'(0)) - CQ'(accepted_reg[q]);
        accepting[q] <= (state_reg[q] == sgdma_pkg::QUEUE_RUNNING || state_reg[q] == sgdma_pkg::QUEUE_ABORTING)
            && (room_reg[q][CQ-1:1] != '0 || (room_reg[q][0] && !accepts[q] && !accepted_reg[q]));
        accepted_reg[q] <= accepts[q];
        if (accepted_reg[q] != writes[q]) flight_reg[q] <= flight_reg[q] + {{CQ - 1{writes[q]}}, 1'b1};
        busy_reg[q] <= flight_reg[q] != '0 || accepts[q] || accepted_reg[q];
        closing_reg[q] <= state_reg[q] == sgdma_pkg::QUEUE_STOPPING;
        failed_reg[q] <= failed[q];
        drained_reg[q] <= head_reg[q] == tail_reg[q];
        if (failed[q] && !failed_reg[q]) error_event_reg <= 1'b1;
        if (restart[q]) begin
          head_reg[q] <= '0;
          room_reg[q] <= CQ'(1) << cfg_cq_log2;
          flight_reg[q] <= '0;
          issued_reg[q] <= '0;
          written_reg[q] <= '0;
        end
      end
    end
  end

  // ------------------------------------------------------------------------------------------------ look-ups

  always_ff @(posedge clk) begin
    if (cmd_start) begin
      sq_base_mem[sel] <= cfg_sq_base;
      cq_base_mem[sel] <= cfg_cq_base;
      sq_mask_reg[sel] <= ~({SQ{1'b1}} << cfg_sq_log2);
      cq_mask_reg[sel] <= ~({CQ{1'b1}} << cfg_cq_log2);
    end
  end

  assign fetch_base = sq_base_mem[fetch_queue];
  assign fetch_mask = sq_mask_reg[fetch_queue];
  assign issue_base = cq_base_mem[issue_queue];
  assign issue_mask = cq_mask_reg[issue_queue];
  assign issue_index = issued_reg[issue_queue];
  assign issue_sq_head = head_reg[issue_queue];

  always_ff @(posedge clk) begin
    q_state <= state_reg[sel];
    q_error <= error_reg[sel];
    q_in_flight <= flight_reg[sel];
    q_sq_head <= head_reg[sel];
    q_cq_tail <= written_reg[sel];
  end

endmodule
