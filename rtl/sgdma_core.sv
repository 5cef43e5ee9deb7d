// Scatter-gather DMA core: queue pairs in host memory, rule enforcement, one H2C and one C2H engine.
//
// See rtl/README.md for the block diagram and docs/device.md for the behaviour. Rules and sizes are parameters; registers
// are outside (LiteX) and reach the core as plain wires.

module sgdma_core #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int BURST = 512,                     // bytes; no burst crosses a multiple of it
    parameter int LIST_SLOTS = 512,                // segments buffered per direction
    parameter int PREFETCH = 256,                  // submission slots prefetched per queue
    parameter int FIFO_BEATS = 512,                // payload buffer per direction
    parameter int OUTSTANDING = 256,               // bursts under way per direction
    parameter bit CRC = 1,
    parameter bit REALIGN_H2C = 1,
    parameter bit REALIGN_C2H = 1,
    parameter int GRANULE_H2C = 1,
    parameter int GRANULE_C2H = 1,
    parameter int TABLE_ALIGN = 256,
    parameter longint TABLE_BOUNDARY = 0,
    parameter int ADDRESS_BITS = 64,
    parameter int LENGTH_BITS = 32,
    parameter int LENGTH_ENCODING = 0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] H2C_RULES = '0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] C2H_RULES = '0,
    localparam int BYTES = DATA_WIDTH / 8
) (
    input  logic                  clk,
    input  logic                  rst,

    // Registers.
    input  logic                  ctl_reset,
    output logic                  sts_reset_busy,
    output logic                  sts_idle,
    output logic                  sts_stray,
    output logic [63:0]           time_now,
    input  logic [7:0]            cfg_queue,
    input  logic [63:0]           cfg_sq_base,
    input  logic [63:0]           cfg_cq_base,
    input  logic [4:0]            cfg_sq_log2,
    input  logic [4:0]            cfg_cq_log2,
    input  logic [7:0]            cfg_count,
    input  logic [15:0]           cfg_time,
    input  logic                  cmd_valid,
    input  logic [2:0]            cmd_op,
    output logic [3:0]            cmd_result,
    output logic [3:0]            q_state,
    output logic [3:0]            q_error,
    output logic [15:0]           q_in_flight,
    output logic [19:0]           q_sq_head,
    output logic [15:0]           q_cq_tail,
    input  logic                  sq_db_valid,
    input  logic [7:0]            sq_db_queue,
    input  logic [19:0]           sq_db_tail,
    input  logic                  cq_db_valid,
    input  logic [7:0]            cq_db_queue,
    input  logic                  cq_db_arm,
    input  logic [15:0]           cq_db_head,
    output logic [QUEUES-1:0]     irq,             // one cycle each
    output logic                  irq_error,

    // Host memory, AXI4.
    output logic                  m_axi_arvalid,
    input  logic                  m_axi_arready,
    output logic [0:0]            m_axi_arid,
    output logic [ADDR_WIDTH-1:0] m_axi_araddr,
    output logic [7:0]            m_axi_arlen,
    output logic [2:0]            m_axi_arsize,
    output logic [1:0]            m_axi_arburst,
    input  logic                  m_axi_rvalid,
    output logic                  m_axi_rready,
    input  logic [0:0]            m_axi_rid,
    input  logic [DATA_WIDTH-1:0] m_axi_rdata,
    input  logic [1:0]            m_axi_rresp,
    input  logic                  m_axi_rlast,
    output logic                  m_axi_awvalid,
    input  logic                  m_axi_awready,
    output logic [0:0]            m_axi_awid,
    output logic [ADDR_WIDTH-1:0] m_axi_awaddr,
    output logic [7:0]            m_axi_awlen,
    output logic [2:0]            m_axi_awsize,
    output logic [1:0]            m_axi_awburst,
    output logic                  m_axi_wvalid,
    input  logic                  m_axi_wready,
    output logic [DATA_WIDTH-1:0] m_axi_wdata,
    output logic [BYTES-1:0]      m_axi_wstrb,
    output logic                  m_axi_wlast,
    input  logic                  m_axi_bvalid,
    output logic                  m_axi_bready,
    input  logic [0:0]            m_axi_bid,
    input  logic [1:0]            m_axi_bresp,

    // User logic.
    output logic                  user_reset,
    output logic                  h2c_cmd_valid,
    input  logic                  h2c_cmd_ready,
    output logic [47:0]           h2c_cmd_address,
    output logic [31:0]           h2c_cmd_length,
    output logic [1:0]            h2c_cmd_port,
    output logic [7:0]            h2c_cmd_queue,
    output logic                  h2c_valid,
    input  logic                  h2c_ready,
    output logic [DATA_WIDTH-1:0] h2c_data,
    output logic [BYTES-1:0]      h2c_keep,
    output logic                  h2c_last,
    output logic                  h2c_error,
    output logic                  c2h_cmd_valid,
    input  logic                  c2h_cmd_ready,
    output logic [47:0]           c2h_cmd_address,
    output logic [31:0]           c2h_cmd_length,
    output logic [1:0]            c2h_cmd_port,
    output logic [7:0]            c2h_cmd_queue,
    output logic                  c2h_cancel,
    input  logic                  c2h_valid,
    output logic                  c2h_ready,
    input  logic [DATA_WIDTH-1:0] c2h_data,
    input  logic [BYTES-1:0]      c2h_keep,
    input  logic                  c2h_last,
    input  logic                  c2h_error
);

  localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1;
  localparam int SQ = sgdma_pkg::SQ_PTR;
  localparam int CQ = sgdma_pkg::CQ_PTR;
  localparam int FREE = $clog2(LIST_SLOTS) + 1;
  localparam int FILL = $clog2(PREFETCH) + 1;
  // Where no realigner is built and totals are multiples of a beat, every beat is whole.
  localparam sgdma_pkg::rules_t H2C = H2C_RULES;
  localparam sgdma_pkg::rules_t C2H = C2H_RULES;
  localparam bit WHOLE_H2C = !REALIGN_H2C && (32'(H2C.total_mask) & (BYTES - 1)) == BYTES - 1;
  localparam bit WHOLE_C2H = !REALIGN_C2H && (32'(C2H.total_mask) & (BYTES - 1)) == BYTES - 1;
  localparam int UNIT_H2C = WHOLE_H2C ? unit(H2C.address_mask & H2C.length_mask & H2C.total_mask) : 0;
  localparam int UNIT_C2H = WHOLE_C2H ? unit(C2H.address_mask & C2H.length_mask & C2H.total_mask) : 0;
  localparam int UNIT = UNIT_H2C < UNIT_C2H ? UNIT_H2C : UNIT_C2H;
  // The longest segment that the rules allow, from the start of its first block.
  localparam logic [31:0] LONGEST = H2C.max_segment_size > C2H.max_segment_size ? H2C.max_segment_size : C2H.max_segment_size;
  localparam int REACH = $clog2({1'b0, LONGEST} + 33'(BURST) - 33'd1);

  // Log2 of the power of two that the ones of a mask stand for: at least a beat, less than a burst.
  function automatic int unit(input logic [15:0] mask);
    unit = $clog2(BURST) - 1;
    for (int i = 14; i >= 0; i--) if (!mask[i] && i < unit) unit = i;
    if (unit < $clog2(BYTES)) unit = $clog2(BYTES);
  endfunction
  localparam int RESULT = QW + 16 + 4 + 8 + 16 + 32 + 32;

  if (DATA_WIDTH != 64 && DATA_WIDTH != 128 && DATA_WIDTH != 256 && DATA_WIDTH != 512) begin : g_bad_width
    $error("sgdma_core: DATA_WIDTH = %0d must be 64, 128, 256 or 512", DATA_WIDTH);
  end
  if (QUEUES < 1 || QUEUES > 64) begin : g_bad_queues
    $error("sgdma_core: QUEUES = %0d must be 1 to 64", QUEUES);
  end
  if (2 * BURST > FIFO_BEATS * BYTES) begin : g_bad_fifo
    $error("sgdma_core: FIFO_BEATS = %0d must hold two bursts of %0d bytes", FIFO_BEATS, BURST);
  end
  if (LIST_SLOTS < 16 || LIST_SLOTS > 16384) begin : g_bad_list
    $error("sgdma_core: LIST_SLOTS = %0d must be 16 to 16384", LIST_SLOTS);
  end
  if (ADDRESS_BITS > ADDR_WIDTH) begin : g_bad_address
    $error("sgdma_core: ADDRESS_BITS = %0d of the rules exceeds ADDR_WIDTH = %0d", ADDRESS_BITS, ADDR_WIDTH);
  end

  // ------------------------------------------------------------------------------------ function-level reset

  typedef enum logic [1:0] {RUN, QUIESCE, CLEAR} state_t;
  state_t state_reg, state_next;
  logic quiet, clear_reg, clear, hold;             // clear: what resets all the rest, a register

  assign sts_reset_busy = hold;
  assign sts_idle = quiet;
  assign user_reset = clear_reg;

  always_comb begin
    state_next = state_reg;
    case (state_reg)
      RUN:     if (ctl_reset) state_next = QUIESCE;
      QUIESCE: if (quiet) state_next = CLEAR;
      default: if (clear_reg) state_next = RUN;
    endcase
  end

  always_ff @(posedge clk) begin
    state_reg <= rst ? RUN : state_next;
    hold <= !rst && state_next != RUN;
    clear_reg <= !rst && state_reg == CLEAR && !clear_reg;
    clear <= rst || (state_reg == CLEAR && !clear_reg);
  end

  logic [63:0] time_reg;
  always_ff @(posedge clk) time_reg <= rst ? 64'd0 : time_reg + 64'd1;
  assign time_now = time_reg;

  // ----------------------------------------------------------------------------------------- queues and fetch

  logic [QUEUES-1:0] fetching, accepting, aborting, failed, restart, drained, bad, fetch_busy;
  logic [SQ-1:0] base_tail, base_head, check_head, pick_head;
  logic [FILL-1:0] filled;
  logic doorbell, arrival, check_last, check_fills, check_full, check_retry;
  logic [CQ-1:0] unread;
  logic [QW-1:0] unread_queue;
  logic [QUEUES-1:0] arm;
  logic [QW-1:0] base_queue, check_queue, pick_queue, read_queue, issue_queue, written_queue, fetch_error_queue;
  logic [QW-1:0] doorbell_queue, arrival_queue;
  logic [63:0] base_address, place_base;
  logic [SQ-1:0] base_mask;
  logic [QW-1:0] place_queue;
  logic [CQ-1:0] place_mask, place_index, issue_index;
  logic [SQ-1:0] issue_sq_head, read_index;
  logic fetch_error, consume, accept, issue, written, written_error, read_enable, cmd_start;
  logic [127:0] read_slot;
  wire hold_tables = cmd_start && QUEUES > 1;     // of one queue nothing else can be under way

  logic [1:0] ar_valid, ar_ready, r_valid, aw_valid, aw_ready, w_valid, w_ready, b_valid, b_error;
  logic [1:0][ADDR_WIDTH-1:0] ar_addr, aw_addr;
  logic [1:0][7:0] ar_len, aw_len;
  logic [DATA_WIDTH-1:0] r_data;
  logic r_error, r_last, b_ready;
  logic [1:0][DATA_WIDTH-1:0] w_data;
  logic [1:0][BYTES-1:0] w_strb;

  sgdma_queues #(
      .QUEUES(QUEUES), .TABLE_ALIGN(TABLE_ALIGN), .TABLE_BOUNDARY(TABLE_BOUNDARY), .ADDRESS_BITS(ADDRESS_BITS)
  ) queues (
      .clk(clk), .rst(clear),
      .cfg_queue(cfg_queue), .cfg_sq_base(cfg_sq_base), .cfg_cq_base(cfg_cq_base), .cfg_sq_log2(cfg_sq_log2),
      .cfg_cq_log2(cfg_cq_log2), .cmd_valid(cmd_valid && !hold), .cmd_op(cmd_op), .cmd_result(cmd_result),
      .cmd_start(cmd_start),
      .sq_db_valid(sq_db_valid && !hold), .sq_db_queue(sq_db_queue), .sq_db_tail(sq_db_tail),
      .cq_db_valid(cq_db_valid && !hold), .cq_db_queue(cq_db_queue), .cq_db_head(cq_db_head), .cq_db_arm(cq_db_arm),
      .q_state(q_state), .q_error(q_error), .q_in_flight(q_in_flight), .q_sq_head(q_sq_head), .q_cq_tail(q_cq_tail),
      .stray(sts_stray), .error_event(irq_error),
      .fetching(fetching), .accepting(accepting), .aborting(aborting), .failed(failed), .restart(restart),
      .drained(drained),
      .unread(unread), .unread_queue(unread_queue), .arm(arm),
      .fetch_queue(base_queue), .fetch_base(base_address), .fetch_mask(base_mask), .fetch_tail(base_tail),
      .fetch_head(base_head), .doorbell(doorbell), .doorbell_queue(doorbell_queue), .fetch_busy(fetch_busy),
      .fetch_error(fetch_error), .fetch_error_queue(fetch_error_queue),
      .check_queue(check_queue), .check_head(check_head), .check_last(check_last), .check_fills(check_fills),
      .check_full(check_full),
      .check_retry(check_retry), .pick_queue(pick_queue), .pick_head(pick_head), .consume(consume), .accept(accept),
      .place_queue(place_queue), .place_base(place_base), .place_mask(place_mask), .place_index(place_index),
      .issue_queue(issue_queue), .issue_index(issue_index), .issue_sq_head(issue_sq_head), .issue(issue),
      .written(written), .written_error(written_error), .written_queue(written_queue));

  sgdma_fetch #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .PREFETCH(PREFETCH)
  ) fetch (
      .clk(clk), .rst(clear),
      .fetching(fetching), .restart(restart), .hold(hold_tables), .doorbell(doorbell), .doorbell_queue(doorbell_queue),
      .base_queue(base_queue), .base_address(base_address), .base_mask(base_mask), .base_tail(base_tail),
      .base_head(base_head), .busy(fetch_busy), .arrival(arrival), .arrival_queue(arrival_queue),
      .error(fetch_error), .error_queue(fetch_error_queue),
      .ar_valid(ar_valid[0]), .ar_ready(ar_ready[0]), .ar_addr(ar_addr[0]), .ar_len(ar_len[0]),
      .r_valid(r_valid[0]), .r_data(r_data), .r_error(r_error), .r_last(r_last),
      .filled(filled), .bad(bad), .read_enable(read_enable), .read_queue(read_queue), .read_index(read_index),
      .read_slot(read_slot));

  // ------------------------------------------------------------------------------------------------- checker

  logic [1:0] list_push, list_commit, list_rollback, request_room;
  logic [1:0][FREE-1:0] list_free;
  logic [ADDR_WIDTH-1:0] list_address;
  logic [REACH-1:0] list_reach;
  logic [31:0] request_length;
  logic list_last, reject_valid;
  logic [QW-1:0] request_queue, reject_queue;
  logic [15:0] request_tag, reject_tag, reject_segment;
  logic [47:0] request_card;
  logic [1:0] request_port;
  logic [3:0] reject_opcode;
  logic [7:0] reject_status;
  logic [3:0] reject_level;

  sgdma_check #(
      .QUEUES(QUEUES), .ADDR_WIDTH(ADDR_WIDTH), .LIST_SLOTS(LIST_SLOTS), .PREFETCH(PREFETCH), .LATE(DATA_WIDTH > 64),
      .BURST(BURST), .REACH(REACH), .UNIT(UNIT), .ADDRESS_BITS(ADDRESS_BITS), .LENGTH_BITS(LENGTH_BITS),
      .LENGTH_ENCODING(LENGTH_ENCODING), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)
  ) check (
      .clk(clk), .rst(clear),
      .accepting(accepting), .aborting(aborting), .fetching(fetching), .bad(bad), .restart(restart), .hold(hold_tables),
      .drained(drained),
      .arrival(arrival), .arrival_queue(arrival_queue), .filled(filled), .head(check_head), .head_last(check_last),
      .fills(check_fills), .full(check_full), .retry(check_retry), .pick(pick_queue), .pick_head(pick_head),
      .read_enable(read_enable), .read_queue(read_queue), .read_index(read_index), .read_slot(read_slot), .queue(check_queue),
      .consume(consume), .accept(accept),
      .list_push(list_push), .list_address(list_address), .list_reach(list_reach), .list_last(list_last),
      .list_commit(list_commit), .list_rollback(list_rollback), .list_free(list_free), .request_room(request_room),
      .request_queue(request_queue), .request_tag(request_tag), .request_length(request_length),
      .request_card(request_card), .request_port(request_port),
      .reject_valid(reject_valid), .reject_room(reject_level <= 4'd2), .reject_queue(reject_queue),
      .reject_tag(reject_tag), .reject_opcode(reject_opcode), .reject_status(reject_status),
      .reject_segment(reject_segment));

  // ------------------------------------------------------------------------------------------------- engines

  // The engines may hear of an abort late, and are far away.
  logic [QUEUES-1:0] aborting_reg;
  always_ff @(posedge clk) aborting_reg <= aborting;

  logic [2:0] done_valid, done_ready;
  logic [2:0][RESULT-1:0] done_result;
  logic [QW-1:0] h2c_queue, c2h_queue;
  logic [15:0] h2c_tag, c2h_tag, h2c_segment, c2h_segment;
  logic [2:0] h2c_status, c2h_status;
  logic [31:0] h2c_bytes, c2h_bytes, h2c_crc, c2h_crc;

  localparam int REJECT = QW + 16 + 4 + 8 + 16;
  logic [REJECT-1:0] rejected;

  sgdma_fifo #(.WIDTH(REJECT), .DEPTH(8)) rejects (
      .clk(clk), .rst(clear),
      .in_valid(reject_valid), .in_ready(),
      .in_data({reject_queue, reject_tag, reject_opcode, reject_status, reject_segment}),
      .out_valid(done_valid[0]), .out_ready(done_ready[0]), .out_data(rejected), .level(reject_level));

  assign done_result[0] = {rejected, 64'd0};
  assign done_result[1] = {h2c_queue, h2c_tag, sgdma_pkg::OP_H2C, {5'd0, h2c_status}, h2c_segment, h2c_bytes, h2c_crc};
  assign done_result[2] = {c2h_queue, c2h_tag, sgdma_pkg::OP_C2H, {5'd0, c2h_status}, c2h_segment, c2h_bytes, c2h_crc};

  sgdma_h2c #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .BURST(BURST), .LIST_SLOTS(LIST_SLOTS),
      .FIFO_BEATS(FIFO_BEATS), .OUTSTANDING(OUTSTANDING), .REALIGN(REALIGN_H2C), .UNIT(UNIT_H2C), .REACH(REACH),
      .GRANULE(GRANULE_H2C), .CRC(CRC)
  ) h2c (
      .clk(clk), .rst(clear), .aborting(aborting_reg),
      .list_push(list_push[0]), .list_address(list_address), .list_reach(list_reach), .list_last(list_last),
      .list_commit(list_commit[0]), .list_rollback(list_rollback[0]), .list_free(list_free[0]),
      .request_room(request_room[0]), .request_queue(request_queue), .request_tag(request_tag),
      .request_length(request_length), .request_card(request_card), .request_port(request_port),
      .ar_valid(ar_valid[1]), .ar_ready(ar_ready[1]), .ar_addr(ar_addr[1]), .ar_len(ar_len[1]),
      .r_valid(r_valid[1]), .r_data(r_data), .r_error(r_error),
      .cmd_valid(h2c_cmd_valid), .cmd_ready(h2c_cmd_ready), .cmd_address(h2c_cmd_address),
      .cmd_length(h2c_cmd_length), .cmd_port(h2c_cmd_port), .cmd_queue(h2c_cmd_queue),
      .stream_valid(h2c_valid), .stream_ready(h2c_ready), .stream_data(h2c_data), .stream_keep(h2c_keep),
      .stream_last(h2c_last), .stream_error(h2c_error),
      .done_valid(done_valid[1]), .done_ready(done_ready[1]), .done_queue(h2c_queue), .done_tag(h2c_tag),
      .done_status(h2c_status), .done_segment(h2c_segment), .done_bytes(h2c_bytes), .done_crc(h2c_crc));

  sgdma_c2h #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .BURST(BURST), .LIST_SLOTS(LIST_SLOTS),
      .FIFO_BEATS(FIFO_BEATS), .OUTSTANDING(OUTSTANDING), .REALIGN(REALIGN_C2H), .UNIT(UNIT_C2H), .REACH(REACH),
      .GRANULE(GRANULE_C2H), .CRC(CRC)
  ) c2h (
      .clk(clk), .rst(clear), .aborting(aborting_reg),
      .list_push(list_push[1]), .list_address(list_address), .list_reach(list_reach), .list_last(list_last),
      .list_commit(list_commit[1]), .list_rollback(list_rollback[1]), .list_free(list_free[1]),
      .request_room(request_room[1]), .request_queue(request_queue), .request_tag(request_tag),
      .request_length(request_length), .request_card(request_card), .request_port(request_port),
      .aw_valid(aw_valid[1]), .aw_ready(aw_ready[1]), .aw_addr(aw_addr[1]), .aw_len(aw_len[1]),
      .w_valid(w_valid[1]), .w_ready(w_ready[1]), .w_data(w_data[1]), .w_strb(w_strb[1]),
      .b_valid(b_valid[1]), .b_ready(b_ready), .b_error(b_error[1]),
      .cmd_valid(c2h_cmd_valid), .cmd_ready(c2h_cmd_ready), .cmd_address(c2h_cmd_address),
      .cmd_length(c2h_cmd_length), .cmd_port(c2h_cmd_port), .cmd_queue(c2h_cmd_queue), .cancel(c2h_cancel),
      .stream_valid(c2h_valid), .stream_ready(c2h_ready), .stream_data(c2h_data), .stream_keep(c2h_keep),
      .stream_last(c2h_last), .stream_error(c2h_error),
      .done_valid(done_valid[2]), .done_ready(done_ready[2]), .done_queue(c2h_queue), .done_tag(c2h_tag),
      .done_status(c2h_status), .done_segment(c2h_segment), .done_bytes(c2h_bytes), .done_crc(c2h_crc));

  // ----------------------------------------------------------------------------- completions and interrupts

  sgdma_complete #(.DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES)) complete (
      .clk(clk), .rst(clear), .hold(hold_tables), .timestamp(time_reg),
      .in_valid(done_valid), .in_ready(done_ready), .in_result(done_result),
      .pick_queue(place_queue), .pick_base(place_base), .pick_mask(place_mask), .pick_index(place_index),
      .issue_queue(issue_queue), .issue_index(issue_index), .issue_sq_head(issue_sq_head), .issue(issue),
      .written(written), .written_error(written_error), .written_queue(written_queue),
      .aw_valid(aw_valid[0]), .aw_ready(aw_ready[0]), .aw_addr(aw_addr[0]), .aw_len(aw_len[0]),
      .w_valid(w_valid[0]), .w_ready(w_ready[0]), .w_data(w_data[0]), .w_strb(w_strb[0]),
      .b_valid(b_valid[0]), .b_error(b_error[0]));

  sgdma_irq #(.QUEUES(QUEUES)) interrupts (
      .clk(clk), .rst(clear),
      .start(cmd_start), .start_queue(QW'(cfg_queue)), .cfg_count(cfg_count), .cfg_time(cfg_time), .arm(arm),
      .unread(unread), .unread_queue(unread_queue), .fire(irq));

  // ----------------------------------------------------------------------------------------------------- bus

  assign m_axi_arsize = 3'($clog2(BYTES));
  assign m_axi_awsize = 3'($clog2(BYTES));
  assign m_axi_arburst = 2'b01;
  assign m_axi_awburst = 2'b01;

  sgdma_bus #(.DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .OUTSTANDING(OUTSTANDING)) bus (
      .clk(clk), .rst(clear), .hold(hold), .quiet(quiet),
      .ar_valid(ar_valid), .ar_ready(ar_ready), .ar_addr(ar_addr), .ar_len(ar_len),
      .r_valid(r_valid), .r_data(r_data), .r_error(r_error), .r_last(r_last),
      .aw_valid(aw_valid), .aw_ready(aw_ready), .aw_addr(aw_addr), .aw_len(aw_len),
      .w_valid(w_valid), .w_ready(w_ready), .w_data(w_data), .w_strb(w_strb),
      .b_valid(b_valid), .b_ready(b_ready), .b_error(b_error),
      .m_axi_arvalid(m_axi_arvalid), .m_axi_arready(m_axi_arready), .m_axi_arid(m_axi_arid),
      .m_axi_araddr(m_axi_araddr), .m_axi_arlen(m_axi_arlen),
      .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready), .m_axi_rid(m_axi_rid), .m_axi_rdata(m_axi_rdata),
      .m_axi_rresp(m_axi_rresp), .m_axi_rlast(m_axi_rlast),
      .m_axi_awvalid(m_axi_awvalid), .m_axi_awready(m_axi_awready), .m_axi_awid(m_axi_awid),
      .m_axi_awaddr(m_axi_awaddr), .m_axi_awlen(m_axi_awlen),
      .m_axi_wvalid(m_axi_wvalid), .m_axi_wready(m_axi_wready), .m_axi_wdata(m_axi_wdata),
      .m_axi_wstrb(m_axi_wstrb), .m_axi_wlast(m_axi_wlast),
      .m_axi_bvalid(m_axi_bvalid), .m_axi_bready(m_axi_bready), .m_axi_bid(m_axi_bid), .m_axi_bresp(m_axi_bresp));

  wire unused = &{1'b0, failed, H2C, C2H};

endmodule
