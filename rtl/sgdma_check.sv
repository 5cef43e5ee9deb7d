// Takes requests off the submission rings, checks structure and rules, and hands on whole requests only: the walk through them.
//
//   sgdma_turn: which queue
//   sgdma_slots --> walk (structure) --> sgdma_judge (rules) --+--> segments and request of one direction, committed
//                                                              +--> reject: a completion without a byte moved
//
// The walk consumes one slot a cycle. Segments are pushed into the direction's list buffer as they pass and committed
// with the last one, or rolled back, so no bus access can precede the verdict on the whole list. A request is begun only
// when its direction has room for all of it: a busy direction never holds up the other.

module sgdma_check #(
    parameter int QUEUES = 4,
    parameter int ADDR_WIDTH = 64,
    parameter int LIST_SLOTS = 512,
    parameter int PREFETCH = 256,
    parameter bit LATE = 0,                         // `read_slot` comes in two cycles, not one
    parameter int BURST = 512,
    parameter int REACH = 33,                       // bits that tell where a segment ends
    parameter int UNIT = 0,                         // log2 of what divides all lengths
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
    input  logic                      fills,          // its completion ring has no place
    input  logic                      full,           // the same, a cycle late
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
    output logic [REACH-1:0]          list_reach,     // from the start of its first block to its last byte
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

  logic [QUEUES-1:0] skipping_reg;
  logic [QUEUES-1:0] blocked;                     // the completion ring was full when it was this queue's turn
  logic pick_valid, others_wait, fresh_reg;
  wire crowded = full && !(QUEUES > 1 && fresh_reg);
  wire picking = state_reg == PICK;

  sgdma_turn #(.QUEUES(QUEUES), .PREFETCH(PREFETCH)) turns (
      .clk(clk), .rst(rst),
      .accepting(accepting), .fetching(fetching), .bad(bad), .restart(restart), .skipping(skipping_reg),
      .arrival(arrival), .arrival_queue(arrival_queue), .filled(filled), .filled_queue(read_queue),
      .head(picking ? pick_head : head), .hold(hold), .picking(picking), .block(head_reg && crowded), .retry(retry),
      .queue(queue_reg), .pick(pick), .pick_valid(pick_valid), .others(others_wait), .blocked(blocked));

  // --------------------------------------------------------------------------------------------- slot reader

  logic slot_shown, slot_go, flush, waiting, is_header, follows, is_c2h, unsound, bad_count, bad_total, bad_size;
  logic fits, untouched;
  logic [1:0][FREE:0] spare_reg;                  // signed
  logic [127:0] slot;

  sgdma_slots #(.PREFETCH(PREFETCH), .LIST_SLOTS(LIST_SLOTS), .LATE(LATE), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)) slots (
      .clk(clk), .rst(rst),
      .load(picking), .begins(pick_valid), .first(pick_head), .flush(flush), .filled(filled),
      .read_enable(read_enable), .read_index(read_index), .read_slot(read_slot),
      .waiting(waiting), .valid(slot_shown), .slot(slot), .take(slot_go), .is_header(is_header), .follows(follows),
      .is_c2h(is_c2h), .unsound(unsound), .bad_count(bad_count), .bad_total(bad_total), .bad_size(bad_size), .fits(fits),
      .untouched(untouched), .spare(spare_reg));

  assign queue = queue_reg;
  assign read_queue = picking ? pick : queue_reg;
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

  // ---------------------------------------------------------------------------------------------------- room

  logic head_reg, list_reg, skip_reg;             // HEAD; WALK and nothing wrong with the queue; SKIP
  logic [1:0] open_reg;
  logic pipe_empty;
  wire can_begin = fits && open_reg[is_c2h];

  sgdma_room #(.QUEUES(QUEUES), .LIST_SLOTS(LIST_SLOTS)) room (
      .clk(clk), .rst(rst), .accepting(accepting), .bad(bad), .blocked(blocked), .queue(queue_reg),
      .list_free(list_free), .request_room(request_room), .reject_room(reject_room), .fills(fills),
      .dry(pipe_empty && untouched), .spare(spare_reg), .open(open_reg),
      .shown(state_reg == HEAD && slot_valid), .is_c2h(is_c2h), .accept(accept), .first(spent_reg == '0));

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
  assign slot_go = !hold && ((head_reg && can_begin) || (list_reg && !beyond_reg && follows) || (skip_reg && !is_header));

  always_ff @(posedge clk) begin
    head_reg <= !rst && state_next == HEAD;
    list_reg <= !rst && state_next == WALK && !bad[queue_reg];
    skip_reg <= !rst && state_next == SKIP && fetching[read_queue];
  end

  wire slot_take = slot_shown && slot_go;
  wire walk_take = list_reg && slot_valid && !beyond_reg && follows;
  // After a request it is the next queue's turn if one waits, but a change costs cycles: short requests share it.
  localparam int TURN = 6;                        // log2 of the slots after which it ends
  logic [TURN:0] spent_reg;                       // slots of this turn, at most 2**TURN
  wire others = spent_reg[TURN] && others_wait;
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
        end else if (!fetching[queue_reg] || (!slot_valid && (!waiting || bad_reg))) begin
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
        if (skipping_reg[q] && drained[q]) skipping_reg[q] <= 1'b0;           // as a queue is with START
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
    if (slot_take) beyond_reg <= head_last;
    bad_reg <= state_reg != PICK && bad[queue_reg];
  end

  // ------------------------------------------------------------------------------------------------- verdict

  logic judge_valid;

  sgdma_judge #(
      .QUEUES(QUEUES), .ADDR_WIDTH(ADDR_WIDTH), .BURST(BURST), .REACH(REACH), .UNIT(UNIT), .ADDRESS_BITS(ADDRESS_BITS),
      .LENGTH_BITS(LENGTH_BITS), .LENGTH_ENCODING(LENGTH_ENCODING), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)
  ) judge (
      .clk(clk), .rst(rst), .aborting(aborting),
      .in_valid(token_valid), .in_segment(token_segment), .in_last(token_last), .in_status(token_status),
      .in_index(token_index), .in_c2h(c2h_reg), .in_first(first_reg), .in_list_last(last_reg),
      .in_address(segment.address), .in_length(segment.length), .in_queue(context_reg.queue),
      .in_opcode(context_reg.opcode), .in_tag(context_reg.tag), .in_total(context_reg.total), .in_card(context_reg.card),
      .in_port(context_reg.port), .valid(judge_valid),
      .list_push(list_push), .list_address(list_address), .list_reach(list_reach), .list_last(list_last),
      .list_commit(list_commit), .list_rollback(list_rollback), .request_queue(request_queue),
      .request_tag(request_tag), .request_length(request_length), .request_card(request_card),
      .request_port(request_port),
      .reject_valid(reject_valid), .reject_queue(reject_queue), .reject_tag(reject_tag), .reject_opcode(reject_opcode),
      .reject_status(reject_status), .reject_segment(reject_segment));

  // `list_free` shows a push one cycle late.
  logic [2:0] busy_reg;
  always_ff @(posedge clk) busy_reg <= rst ? 3'd0 : {busy_reg[1:0], state_reg == WALK || state_reg == FAIL || judge_valid};
  assign pipe_empty = busy_reg == 3'd0;

  wire unused = &{1'b0, head, header, segment, list_free, H2C, C2H};

endmodule
