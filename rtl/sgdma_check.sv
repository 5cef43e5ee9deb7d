// Takes requests off the submission rings, checks structure and rules, and hands on whole requests only.
//
//   slots --> walk (structure) --> sgdma_rules --> judge --+--> segments and request of one direction, committed
//                                                          +--> reject: a completion without a byte moved
//
// The walk consumes one slot a cycle. Segments are pushed into the direction's list buffer as they pass and committed
// with the last one, or rolled back, so no bus access can precede the verdict on the whole list. A request is begun only
// when its direction has room for all of it: a busy direction never holds up the other.

module sgdma_check #(
    parameter int QUEUES = 4,
    parameter int ADDR_WIDTH = 64,
    parameter int LIST_SLOTS = 512,
    parameter int PREFETCH = 256,
    parameter int ADDRESS_BITS = 64,
    parameter int LENGTH_BITS = 32,
    parameter int LENGTH_ENCODING = sgdma_pkg::LENGTH_PLAIN,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] H2C_RULES = '0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] C2H_RULES = '0,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int FREE = $clog2(LIST_SLOTS) + 1
) (
    input  logic                      clk,
    input  logic                      rst,

    input  logic [QUEUES-1:0]         accepting,
    input  logic [QUEUES-1:0]         aborting,
    input  logic [QUEUES-1:0]         fetching,
    input  logic [QUEUES-1:0]         bad,
    input  logic [QUEUES-1:0]         restart,
    input  logic [QUEUES-1:0][SQ-1:0] sq_tail,
    input  logic [QUEUES-1:0][SQ-1:0] sq_head,
    input  logic [QUEUES-1:0][SQ-1:0] filled,

    output logic                      read_enable,
    output logic [SQ-1:0]             read_index,
    input  logic [127:0]              read_slot,
    output logic [QW-1:0]             queue,
    output logic                      consume,
    output logic                      accept,

    // Lists: index 0 is H2C, 1 is C2H.
    output logic [1:0]                list_push,
    output logic [ADDR_WIDTH-1:0]     list_address,
    output logic [31:0]               list_extent,
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

  typedef enum logic [2:0] {PICK, HEAD, BEGIN, FAIL, WALK, SKIP} state_t;
  state_t state_reg, state_next;
  logic [QW-1:0] queue_reg;

  // ------------------------------------------------------------------------------------------ choice of queue

  logic [QUEUES-1:0] skipping_reg, candidate;
  logic [QW-1:0] pick;
  logic pick_valid;

  always_comb begin
    pick = queue_reg;
    pick_valid = 1'b0;
    for (int q = 0; q < QUEUES; q++) begin
      candidate[q] = (accepting[q] || (skipping_reg[q] && fetching[q])) && filled[q] != sq_head[q] && !bad[q];
    end
    for (int i = QUEUES; i > 0; i--) begin
      if (candidate[(32'(queue_reg) + i) % QUEUES]) begin
        pick = QW'((32'(queue_reg) + i) % QUEUES);
        pick_valid = 1'b1;
      end
    end
  end

  // --------------------------------------------------------------------------------------------- slot reader

  logic [SQ-1:0] index_reg;                       // next slot to read
  logic raw_valid_reg, slot_valid_reg, slot_take, flush;
  logic [127:0] slot_reg;

  wire slot_move = raw_valid_reg && (!slot_valid_reg || slot_take);
  localparam int FILL = $clog2(PREFETCH) + 1;      // bits that tell how far the prefetch is ahead
  wire more = FILL'(filled[queue_reg]) != FILL'(index_reg);
  wire waiting = slot_valid_reg || raw_valid_reg || more;

  assign read_enable = more && !flush && state_reg != PICK && (!raw_valid_reg || slot_move);
  assign read_index = index_reg;
  assign queue = queue_reg;

  always_ff @(posedge clk) begin
    if (state_reg == PICK) index_reg <= sq_head[pick];
    else if (read_enable) index_reg <= index_reg + 1'b1;
    raw_valid_reg <= !rst && !flush && (read_enable || (raw_valid_reg && !slot_move));
    slot_valid_reg <= !rst && !flush && (slot_move || (slot_valid_reg && !slot_take));
    if (slot_move) slot_reg <= read_slot;
  end

  wire sgdma_pkg::header_t header = slot_reg;
  wire sgdma_pkg::segment_t segment = slot_reg;

  // --------------------------------------------------------------------------------------------- header test

  wire is_header = header.kind == sgdma_pkg::KIND_HEADER;
  wire is_h2c = header.opcode == sgdma_pkg::OP_H2C;
  wire is_c2h = header.opcode == sgdma_pkg::OP_C2H;
  wire [1:0] port = header.flags[1:0];
  wire sound = is_header && (is_h2c || is_c2h) && header.flags[7:2] == 6'd0 && port <= sgdma_pkg::PORT_MEMORY;
  wire [15:0] most_segments = is_c2h ? C2H.max_segments : H2C.max_segments;
  wire [15:0] total_mask = is_c2h ? C2H.total_mask : H2C.total_mask;
  wire [31:0] most_bytes = is_c2h ? C2H.max_request_size : H2C.max_request_size;
  logic [7:0] header_status;

  always_comb begin
    header_status = sgdma_pkg::STATUS_OK;
    if (!sound) header_status = sgdma_pkg::STATUS_BAD_HEADER;
    else if (header.segment_count == 16'd0 || header.segment_count > most_segments)
      header_status = sgdma_pkg::RULE_BASE + 8'(sgdma_pkg::RULE_MAX_SEGMENTS);
    else if ((header.total_length[15:0] & total_mask) != 16'd0)
      header_status = sgdma_pkg::RULE_BASE + 8'(sgdma_pkg::RULE_TOTAL_ALIGN);
    else if (header.total_length == 32'd0 || header.total_length > most_bytes)
      header_status = sgdma_pkg::RULE_BASE + 8'(sgdma_pkg::RULE_MAX_REQUEST_SIZE);
  end

  // What the header says is judged in HEAD and acted on in BEGIN. While requests are in the pipeline their segments are not yet
  // taken off `list_free`.
  logic pipe_empty;
  logic [7:0] header_status_reg;
  logic sane_reg, fits_reg, free_reg, room_reg;
  logic [1:0][FREE-1:0] spare_reg;                 // places less those that the pipeline may still take
  wire fits = FREE'(header.segment_count) <= spare_reg[is_c2h];

  always_ff @(posedge clk) begin
    for (int d = 0; d < 2; d++) begin
      spare_reg[d] <= pipe_empty ? list_free[d] : list_free[d] < FREE'(10) ? '0 : list_free[d] - FREE'(10);
    end
    if (state_reg == HEAD) header_status_reg <= header_status;
    sane_reg <= header_status == sgdma_pkg::STATUS_OK;
    fits_reg <= fits;
    free_reg <= !claimed;
    room_reg <= reject_room && request_room[is_c2h];
  end

  // A queue whose turn comes to nothing for lack of room claims the direction: neither smaller requests of other queues nor a
  // rhythm that favours them can starve it. It gives the claim up with the request that it was for.
  logic [1:0] claimed_reg;
  logic [1:0][QW-1:0] claimer_reg;
  wire claimed = claimed_reg[is_c2h] && claimer_reg[is_c2h] != queue_reg;
  wire can_begin = room_reg && (!sane_reg || (fits_reg && free_reg));

  // --------------------------------------------------------------------------------------------------- walk

  logic [15:0] rest_reg;                          // segments to come
  logic [11:0] walk_reg;
  logic last_reg;                                 // one segment is left
  logic [SQ-1:0] limit_reg;                       // slots before the tail
  logic beyond_reg;                               // none
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

  wire walk_take = state_reg == WALK && slot_take;
  wire fitting = segment.kind == sgdma_pkg::KIND_SEGMENT && segment.tag == context_reg.tag && segment.index == walk_reg;
  // After a request it is the next queue's turn if one waits, but a change costs cycles: short requests share it.
  logic [3:0] spent_reg;                          // slots of this turn, at most 8
  wire others = spent_reg[3] && |(candidate & ~(QUEUES'(1) << queue_reg));
  wire state_t turn = others ? PICK : HEAD;

  always_comb begin
    state_next = state_reg;
    flush = 1'b0;
    slot_take = 1'b0;
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
        if (!accepting[queue_reg] || bad[queue_reg] || !waiting) begin
          state_next = PICK;
          flush = 1'b1;
        end else if (slot_valid_reg) state_next = BEGIN;

      BEGIN:
        if (!accepting[queue_reg] || !can_begin) begin
          state_next = PICK;
          flush = 1'b1;
        end else begin
          accept = 1'b1;
          slot_take = 1'b1;
          state_next = sane_reg ? WALK : FAIL;
        end

      FAIL: begin
        token_valid = 1'b1;
        token_status = header_status_reg;
        state_next = SKIP;
      end

      WALK: begin
        token_index = {4'd0, walk_reg};
        if (bad[queue_reg]) begin
          token_valid = 1'b1;
          token_status = sgdma_pkg::STATUS_BUS_ERROR;
          state_next = PICK;
          flush = 1'b1;
        end else if (beyond_reg) begin
          token_valid = 1'b1;
          token_status = sgdma_pkg::STATUS_TORN_LIST;
          state_next = SKIP;
        end else if (slot_valid_reg) begin
          token_valid = 1'b1;
          if (!fitting) begin
            token_status = sgdma_pkg::STATUS_TORN_LIST;
            state_next = is_header ? turn : SKIP;
            flush = is_header && others;
          end else begin
            slot_take = 1'b1;
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
        if (slot_valid_reg && is_header) begin
          state_next = turn;
          flush = others;
        end else if (slot_valid_reg) slot_take = 1'b1;
        else if (!waiting || bad[queue_reg]) begin
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
      spent_reg <= 4'd0;
      skipping_reg <= '0;
    end else begin
      state_reg <= state_next;
      if (state_reg == PICK) queue_reg <= pick;
      if (state_reg == PICK) spent_reg <= 4'd0;
      else if (slot_take && !spent_reg[3]) spent_reg <= spent_reg + 4'd1;
      if (state_next == SKIP && state_reg != PICK) skipping_reg[queue_reg] <= 1'b1;
      if (state_reg == SKIP && slot_valid_reg && is_header) skipping_reg[queue_reg] <= 1'b0;
      for (int q = 0; q < QUEUES; q++) begin
        if (restart[q] || (skipping_reg[q] && sq_head[q] == sq_tail[q])) skipping_reg[q] <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      claimed_reg <= '0;
      claimer_reg <= '0;
    end else begin
      for (int d = 0; d < 2; d++) if (!accepting[claimer_reg[d]]) claimed_reg[d] <= 1'b0;
      if (state_reg == BEGIN && sane_reg && free_reg) begin
        claimed_reg[is_c2h] <= !accept && spent_reg == 4'd0;
        claimer_reg[is_c2h] <= queue_reg;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (accept) begin
      rest_reg <= header.segment_count;
      last_reg <= header.segment_count == 16'd1;
      c2h_reg <= is_c2h;
      context_reg <= {queue_reg, header.opcode, header.tag, header.total_length, header.card_address, port};
      limit_reg <= sq_tail[queue_reg] - sq_head[queue_reg] - 1'b1;
      beyond_reg <= sq_tail[queue_reg] == sq_head[queue_reg] + 1'b1;
      walk_reg <= 12'd0;
    end else if (walk_take) begin
      rest_reg <= rest_reg - 1'b1;
      last_reg <= rest_reg == 16'd2;
      limit_reg <= limit_reg - 1'b1;
      beyond_reg <= limit_reg == SQ'(1);
      walk_reg <= walk_reg + 12'd1;
    end
  end

  // -------------------------------------------------------------------------------------------------- rules

  localparam int META = 1 + 1 + 8 + 16 + $bits(context_reg);
  logic judge_valid, judge_segment, judge_last, judge_mismatch, failed_reg;
  logic [4:0] judge_rule;
  logic [7:0] judge_status, status_reg, status;
  logic [15:0] judge_index, segment_reg, index;
  logic [3:0] context_opcode;

  sgdma_rules #(
      .META(META), .ADDR_WIDTH(ADDR_WIDTH), .ADDRESS_BITS(ADDRESS_BITS), .LENGTH_BITS(LENGTH_BITS),
      .LENGTH_ENCODING(LENGTH_ENCODING), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)
  ) rules (
      .clk(clk), .rst(rst),
      .in_valid(token_valid), .in_c2h(c2h_reg), .in_first(walk_reg == 12'd0), .in_last(last_reg),
      .in_address(segment.address), .in_length(segment.length), .in_card(context_reg.card[15:0]),
      .in_total(context_reg.total),
      .in_meta({token_segment, token_last, token_status, token_index, context_reg}),
      .out_valid(judge_valid), .out_rule(judge_rule), .out_address(list_address), .out_extent(list_extent),
      .out_mismatch(judge_mismatch),
      .out_meta({judge_segment, judge_last, judge_status, judge_index, request_queue, context_opcode, request_tag,
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
    if (aborting[request_queue] && judge_last) begin
      status = sgdma_pkg::STATUS_ABORTED;
      index = sgdma_pkg::NO_SEGMENT;
    end
  end

  wire finish = judge_valid && judge_last;
  wire good = status == sgdma_pkg::STATUS_OK;
  wire to_c2h = context_opcode == sgdma_pkg::OP_C2H;
  wire [1:0] side = {to_c2h, !to_c2h};

  assign list_push = side & {2{judge_valid && judge_segment}};
  assign list_last = judge_last;
  assign list_commit = side & {2{finish && good}};
  assign list_rollback = side & {2{finish && !good}};
  assign reject_valid = finish && !good;
  assign reject_queue = request_queue;
  assign reject_tag = request_tag;
  assign reject_opcode = context_opcode;
  assign reject_status = status;
  assign reject_segment = index;

  always_ff @(posedge clk) begin
    if (rst || finish) failed_reg <= 1'b0;
    else if (judge_valid && !good) failed_reg <= 1'b1;
    if (judge_valid) begin
      status_reg <= status;
      segment_reg <= index;
    end
  end

  // `list_free` shows a push one cycle late.
  logic [2:0] busy_reg;
  always_ff @(posedge clk) busy_reg <= rst ? 3'd0 : {busy_reg[1:0], state_reg == WALK || state_reg == FAIL || judge_valid};
  assign pipe_empty = busy_reg == 3'd0;

  wire unused = &{1'b0, header, list_free, H2C, C2H};

endmodule
