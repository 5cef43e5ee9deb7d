// Takes requests off the submission rings, checks structure and rules, and hands on whole requests only.
//
//   sgdma_slots --> walk (structure) --> sgdma_rules --> judge --+--> segments and request of one direction, committed
//                                                                +--> reject: a completion without a byte moved
//
// The walk consumes one slot a cycle. Segments are pushed into the direction's list buffer as they pass and committed
// with the last one, or rolled back, so no bus access can precede the verdict on the whole list. A request is begun only
// when its direction has room for all of it: a busy direction never holds up the other.

module sgdma_check #(
    parameter int QUEUES = 4,
    parameter int ADDR_WIDTH = 64,
    parameter int LIST_SLOTS = 512,
    parameter int PREFETCH = 256,
    parameter int BURST = 512,
    parameter int ADDRESS_BITS = 64,
    parameter int LENGTH_BITS = 32,
    parameter int LENGTH_ENCODING = sgdma_pkg::LENGTH_PLAIN,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] H2C_RULES = '0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] C2H_RULES = '0,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int FILL = $clog2(PREFETCH) + 1,     // bits that tell slots between head and the end of the prefetch
    localparam int FREE = $clog2(LIST_SLOTS) + 1
) (
    input  logic                      clk,
    input  logic                      rst,

    input  logic [QUEUES-1:0]         accepting,
    input  logic [QUEUES-1:0]         aborting,
    input  logic [QUEUES-1:0]         fetching,
    input  logic [QUEUES-1:0]         bad,
    input  logic [QUEUES-1:0]         restart,
    input  logic                      hold,           // a restart is under way: tables of indices have one writer
    input  logic [QUEUES-1:0]         drained,        // nothing is left before the tail, a cycle late
    input  logic                      arrival,        // slots of a queue have been fetched
    input  logic [QW-1:0]             arrival_queue,
    input  logic [FILL-1:0]           filled,         // of `read_queue`: the first slot not yet there, low bits
    input  logic [SQ-1:0]             head,           // of `queue`
    input  logic                      head_last,      // the slot there is the last one before the tail
    input  logic                      full,           // its completion ring has no place, a cycle late
    input  logic                      retry,          // places may have become free
    output logic [QW-1:0]             pick,           // `queue` of the next turn
    input  logic [SQ-1:0]             pick_head,

    output logic                      read_enable,
    output logic [QW-1:0]             read_queue,     // `queue` of the next cycle
    output logic [SQ-1:0]             read_index,
    input  logic [127:0]              read_slot,
    output logic [QW-1:0]             queue,
    output logic                      consume,
    output logic                      accept,

    // Lists: index 0 is H2C, 1 is C2H.
    output logic [1:0]                list_push,
    output logic [ADDR_WIDTH-1:0]     list_address,
    output logic [32:0]               list_reach,     // from the start of its first block to its last byte
    output logic                      list_last,
    output logic [1:0]                list_commit,
    output logic [1:0]                list_rollback,
    input  logic [1:0][FREE-1:0]      list_free,
    input  logic [1:0]                request_room,   // room for the few requests that can be in this pipeline
    output logic [QW-1:0]             request_queue,
    output logic [15:0]               request_tag,
    output logic [31:0]               request_length,
    output logic [47:0]               request_card,
    output logic [1:0]                request_port,

    output logic                      reject_valid,
    input  logic                      reject_room,
    output logic [QW-1:0]             reject_queue,
    output logic [15:0]               reject_tag,
    output logic [3:0]                reject_opcode,
    output logic [7:0]                reject_status,
    output logic [15:0]               reject_segment
);

  localparam sgdma_pkg::rules_t H2C = H2C_RULES;
  localparam sgdma_pkg::rules_t C2H = C2H_RULES;

  if (32'(H2C.max_segments) > LIST_SLOTS || 32'(C2H.max_segments) > LIST_SLOTS) begin : g_bad_list
    $error("sgdma_check: max_segments = %0d / %0d exceeds LIST_SLOTS = %0d", H2C.max_segments, C2H.max_segments,
           LIST_SLOTS);
  end

  typedef enum logic [2:0] {PICK, HEAD, FAIL, WALK, SKIP} state_t;
  state_t state_reg, state_next;
  logic [QW-1:0] queue_reg;

  // ------------------------------------------------------------------------------------------ choice of queue

  logic [QUEUES-1:0] skipping_reg, candidate;
  logic [QUEUES-1:0] some_reg;                    // slots have been fetched and perhaps not yet been consumed
  logic [QUEUES-1:0] blocked_reg;                 // the completion ring was full when it was this queue's turn
  logic pick_valid, fresh_reg;
  logic none_reg;                                 // of the queue whose turn it is or was, a cycle late
  wire crowded = full && !(QUEUES > 1 && fresh_reg);

  always_comb begin
    pick = QUEUES > 1 ? queue_reg : '0;
    pick_valid = 1'b0;
    for (int q = 0; q < QUEUES; q++) begin
      candidate[q] = ((accepting[q] && !blocked_reg[q]) || (skipping_reg[q] && fetching[q])) && !bad[q]
          && some_reg[q] && !(none_reg && 32'(queue_reg) == q);
    end
    for (int i = QUEUES; i > 0; i--) begin
      if (candidate[(32'(queue_reg) + i) % QUEUES]) begin
        pick = QW'((32'(queue_reg) + i) % QUEUES);
        pick_valid = 1'b1;
      end
    end
  end

  // --------------------------------------------------------------------------------------------- slot reader

  logic slot_shown, slot_go, flush, waiting, is_header, follows, is_c2h, unsound, bad_count, bad_total, bad_size;
  logic fits, untouched;
  logic [1:0][FREE:0] spare_reg;                  // signed
  logic [127:0] slot;

  sgdma_slots #(.PREFETCH(PREFETCH), .LIST_SLOTS(LIST_SLOTS), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)) slots (
      .clk(clk), .rst(rst),
      .load(state_reg == PICK), .begins(pick_valid), .first(pick_head), .flush(flush), .filled(filled),
      .read_enable(read_enable), .read_index(read_index), .read_slot(read_slot),
      .waiting(waiting), .valid(slot_shown), .slot(slot), .take(slot_go), .is_header(is_header), .follows(follows),
      .is_c2h(is_c2h), .unsound(unsound), .bad_count(bad_count), .bad_total(bad_total), .bad_size(bad_size), .fits(fits),
      .untouched(untouched), .spare(spare_reg));

  assign queue = queue_reg;
  assign read_queue = state_reg == PICK ? pick : queue_reg;
  wire slot_valid = slot_shown && !hold;

  wire sgdma_pkg::header_t header = slot;
  wire sgdma_pkg::segment_t segment = slot;

  // --------------------------------------------------------------------------------------------- header test

  wire sane = !(unsound || bad_count || bad_total || bad_size);
  wire [1:0] port = header.flags[1:0];
  logic [7:0] header_status_reg;

  always_ff @(posedge clk) begin
    header_status_reg <= unsound   ? sgdma_pkg::STATUS_BAD_HEADER
                       : bad_count ? sgdma_pkg::RULE_BASE + 8'(sgdma_pkg::RULE_MAX_SEGMENTS)
                       : bad_total ? sgdma_pkg::RULE_BASE + 8'(sgdma_pkg::RULE_TOTAL_ALIGN)
                       :             sgdma_pkg::RULE_BASE + 8'(sgdma_pkg::RULE_MAX_REQUEST_SIZE);
  end

  // Places of a list buffer are counted when the header is read, nine slots before the walk at most. Some segments may be on their
  // way to it by then, but not before the first slot of a turn once the pipeline has run dry.
  localparam int UNDER_WAY = 20;
  logic pipe_empty;
  wire exact = pipe_empty && untouched;

  always_ff @(posedge clk) begin
    for (int d = 0; d < 2; d++) begin
      spare_reg[d] <= {1'b0, list_free[d]} - (exact ? '0 : (FREE + 1)'(UNDER_WAY));
    end
  end

  // A queue whose turn comes to nothing for lack of room claims the direction: neither smaller requests of other queues nor a
  // rhythm that favours them can starve it. It gives the claim up with the request that it was for.
  logic [1:0] claimed_reg;
  logic [1:0][QW-1:0] claimer_reg;
  wire claimed = claimed_reg[is_c2h] && claimer_reg[is_c2h] != queue_reg;
  logic [1:0] open_reg;                           // a cycle late: no slot is on show that early in a turn
  wire can_begin = fits && open_reg[is_c2h] && !crowded;

  always_ff @(posedge clk) begin
    for (int d = 0; d < 2; d++)
      open_reg[d] <= reject_room && request_room[d] && !(claimed_reg[d] && claimer_reg[d] != queue_reg)
          && accepting[queue_reg] && !bad[queue_reg];
  end

  // --------------------------------------------------------------------------------------------------- walk

  logic [FREE-1:0] rest_reg;                      // segments to come
  logic [11:0] walk_reg;
  logic first_reg, last_reg;                      // none has passed, one is left
  logic beyond_reg;                               // the slot on show is not before the tail
  logic bad_reg;                                  // of the queue whose turn it is, a cycle late: slots come later still
  logic c2h_reg;
  typedef struct packed {
    logic [QW-1:0] queue;
    logic [3:0]    opcode;
    logic [15:0]   tag;
    logic [31:0]   total;
    logic [47:0]   card;
    logic [1:0]    port;
  } context_t;
  context_t context_reg;                          // of the request whose list is walked
  logic token_valid, token_segment, token_last;
  logic [7:0] token_status;
  logic [15:0] token_index;

  wire open = accepting[queue_reg] && !crowded;
  // What takes the slot on show, if there is one: few terms, since the slot reader waits for it.
  logic head_reg, list_reg, skip_reg;             // HEAD; WALK and nothing wrong with the queue; SKIP
  assign slot_go = !hold && ((head_reg && can_begin) || (list_reg && !beyond_reg && follows) || (skip_reg && !is_header));

  always_ff @(posedge clk) begin
    head_reg <= !rst && state_next == HEAD;
    list_reg <= !rst && state_next == WALK && !bad[queue_reg];
    skip_reg <= !rst && state_next == SKIP;
  end

  wire slot_take = slot_shown && slot_go;
  wire walk_take = list_reg && slot_valid && !beyond_reg && follows;
  // After a request it is the next queue's turn if one waits, but a change costs cycles: short requests share it.
  localparam int TURN = 6;                        // log2 of the slots after which it ends
  logic [TURN:0] spent_reg;                       // slots of this turn, at most 2**TURN
  logic others_reg;                               // they wait, a cycle late
  wire others = spent_reg[TURN] && others_reg;
  always_ff @(posedge clk) others_reg <= |(candidate & ~(QUEUES'(1) << queue_reg));
  wire state_t turn = others ? PICK : HEAD;

  always_comb begin
    state_next = state_reg;
    flush = 1'b0;
    accept = 1'b0;
    token_valid = 1'b0;
    token_segment = 1'b0;
    token_last = 1'b1;
    token_status = sgdma_pkg::STATUS_OK;
    token_index = sgdma_pkg::NO_SEGMENT;

    case (state_reg)
      PICK:
        if (pick_valid) state_next = skipping_reg[pick] ? SKIP : HEAD;

      HEAD:
        if (slot_valid && can_begin) begin
          accept = 1'b1;
          state_next = sane ? WALK : FAIL;
        end else if (slot_valid || !open || bad_reg || !waiting) begin
          state_next = PICK;
          flush = 1'b1;
        end

      FAIL: begin
        token_valid = 1'b1;
        token_status = header_status_reg;
        state_next = SKIP;
      end

      WALK: begin
        token_index = {4'd0, walk_reg};
        if (bad_reg) begin
          token_valid = 1'b1;
          token_status = sgdma_pkg::STATUS_BUS_ERROR;
          state_next = PICK;
          flush = 1'b1;
        end else if (beyond_reg) begin
          token_valid = 1'b1;
          token_status = sgdma_pkg::STATUS_TORN_LIST;
          state_next = SKIP;
        end else if (slot_valid) begin
          token_valid = 1'b1;
          if (!follows) begin
            token_status = sgdma_pkg::STATUS_TORN_LIST;
            state_next = is_header ? turn : SKIP;
            flush = is_header && others;
          end else begin
            token_segment = 1'b1;
            token_last = last_reg;
            if (last_reg) begin
              state_next = turn;
              flush = others;
            end
          end
        end
      end

      default: begin
        if (slot_valid && is_header) begin
          state_next = turn;
          flush = others;
        end else if (!slot_valid && (!waiting || bad_reg)) begin
          state_next = PICK;
          flush = 1'b1;
        end
      end
    endcase
  end

  assign consume = slot_take;

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= PICK;
      queue_reg <= '0;
      spent_reg <= '0;
      skipping_reg <= '0;
    end else begin
      state_reg <= state_next;
      if (state_reg == PICK) queue_reg <= pick;
      if (state_reg == PICK) spent_reg <= '0;
      else if (slot_take && !spent_reg[TURN]) spent_reg <= spent_reg + 1'b1;
      if (state_next == SKIP && state_reg != PICK) skipping_reg[queue_reg] <= 1'b1;
      if (state_reg == SKIP && slot_valid && is_header) skipping_reg[queue_reg] <= 1'b0;
      for (int q = 0; q < QUEUES; q++) begin
        if (restart[q] || (skipping_reg[q] && drained[q])) skipping_reg[q] <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      claimed_reg <= '0;
      claimer_reg <= '0;
    end else begin
      for (int d = 0; d < 2; d++) if (!accepting[claimer_reg[d]] || blocked_reg[claimer_reg[d]]) claimed_reg[d] <= 1'b0;
      if (state_reg == HEAD && slot_valid && !claimed) begin
        claimed_reg[is_c2h] <= !accept && spent_reg == '0;
        claimer_reg[is_c2h] <= queue_reg;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (head_reg) begin                           // the last time with the header that is accepted
      rest_reg <= FREE'(header.segment_count);
      last_reg <= header.segment_count[FREE-1:0] == FREE'(1);
      c2h_reg <= is_c2h;
      context_reg <= {queue_reg, header.opcode, header.tag, header.total_length, header.card_address, port};
      walk_reg <= 12'd0;
      first_reg <= 1'b1;
    end else if (walk_take) begin
      rest_reg <= rest_reg - 1'b1;
      last_reg <= rest_reg == FREE'(2);
      walk_reg <= walk_reg + 12'd1;
      first_reg <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    fresh_reg <= state_reg == PICK;
    none_reg <= filled == FILL'(state_reg == PICK ? pick_head : head) && !(arrival && arrival_queue == read_queue);
    if (slot_take) beyond_reg <= head_last;
    bad_reg <= state_reg != PICK && bad[queue_reg];
  end

  // A queue without slots and one without places are passed over until an event says that there may be some.
  always_ff @(posedge clk) begin
    if (rst) begin
      some_reg <= '0;
      blocked_reg <= '0;
    end else begin
      if (state_reg == PICK && none_reg) some_reg[queue_reg] <= 1'b0;
      for (int q = 0; q < QUEUES; q++) if (restart[q]) some_reg[q] <= 1'b0;
      if (arrival) some_reg[arrival_queue] <= 1'b1;
      if (retry) blocked_reg <= '0;
      else if (state_reg == HEAD && crowded) blocked_reg[queue_reg] <= 1'b1;
    end
  end

  // -------------------------------------------------------------------------------------------------- rules

  // An abort is asked for when the segment is handed over: who cuts the list asks again.
  wire token_aborted = token_last && aborting[context_reg.queue];
  localparam int META = 1 + 1 + 1 + 8 + 16 + $bits(context_reg);
  logic judge_valid, judge_segment, judge_last, judge_aborted, judge_mismatch, judge_sound, failed_reg;
  logic [4:0] judge_rule;
  logic [7:0] judge_status, status_reg, status;
  logic [15:0] judge_index, segment_reg, index;
  logic [3:0] context_opcode;

  sgdma_rules #(
      .META(META), .ADDR_WIDTH(ADDR_WIDTH), .BURST(BURST), .ADDRESS_BITS(ADDRESS_BITS), .LENGTH_BITS(LENGTH_BITS),
      .LENGTH_ENCODING(LENGTH_ENCODING), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)
  ) rules (
      .clk(clk), .rst(rst),
      .in_valid(token_valid), .in_c2h(c2h_reg), .in_first(first_reg), .in_last(last_reg),
      .in_address(segment.address), .in_length(segment.length), .in_card(context_reg.card[15:0]),
      .in_total(context_reg.total), .in_sound(token_segment && !token_aborted),
      .in_meta({token_segment, token_last, token_aborted, token_status, token_index, context_reg}),
      .out_valid(judge_valid), .out_rule(judge_rule), .out_address(list_address), .out_reach(list_reach),
      .out_mismatch(judge_mismatch), .out_sound(judge_sound),
      .out_meta({judge_segment, judge_last, judge_aborted, judge_status, judge_index, request_queue, context_opcode, request_tag,
                 request_length, request_card, request_port}));

  // -------------------------------------------------------------------------------------------------- judge

  always_comb begin
    status = status_reg;
    index = segment_reg;
    if (!failed_reg) begin
      if (!judge_segment) begin
        status = judge_status;
        index = judge_index;
      end else if (judge_rule != 5'd0) begin
        status = sgdma_pkg::RULE_BASE + 8'(judge_rule);
        index = judge_index;
      end else if (judge_last && judge_mismatch) begin
        status = sgdma_pkg::STATUS_LENGTH_MISMATCH;
        index = sgdma_pkg::NO_SEGMENT;
      end else begin
        status = sgdma_pkg::STATUS_OK;
        index = sgdma_pkg::NO_SEGMENT;
      end
    end
    if (judge_aborted) begin
      status = sgdma_pkg::STATUS_ABORTED;
      index = sgdma_pkg::NO_SEGMENT;
    end
  end

  wire finish = judge_valid && judge_last;
  wire good = !failed_reg && judge_sound;
  wire to_c2h = context_opcode[1];                // nothing is pushed of a request with a wrong opcode
  wire [1:0] side = {to_c2h, !to_c2h};

  assign list_push = side & {2{judge_valid && judge_segment}};
  assign list_last = judge_last;
  assign list_commit = side & {2{finish && good}};
  assign list_rollback = side & {2{finish && !good}};

  always_ff @(posedge clk) begin
    if (rst || finish) failed_reg <= 1'b0;
    else if (judge_valid && !good) failed_reg <= 1'b1;
    if (judge_valid) begin
      status_reg <= status;
      segment_reg <= index;
    end
    reject_valid <= finish && !good && !rst;
    reject_queue <= request_queue;
    reject_tag <= request_tag;
    reject_opcode <= context_opcode;
    reject_status <= status;
    reject_segment <= index;
  end

  // `list_free` shows a push one cycle late.
  logic [2:0] busy_reg;
  always_ff @(posedge clk) busy_reg <= rst ? 3'd0 : {busy_reg[1:0], state_reg == WALK || state_reg == FAIL || judge_valid};
  assign pipe_empty = busy_reg == 3'd0;

  wire unused = &{1'b0, head, header, segment, list_free, H2C, C2H};

endmodule
