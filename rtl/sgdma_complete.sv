// Completion writer: turns results into records, sends them on their way and reports them written when memory has said so.
//
// Sources in turn: 0 rejected by the checker, 1 H2C, 2 C2H. Write responses of records come back in order. A result is held until
// the record's address and, beat by beat, its data are gone; these wait in a small FIFO for their turn on the bus, so that the next
// address need not.

module sgdma_complete #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int OUTSTANDING = 128,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int CQ = sgdma_pkg::CQ_PTR,
    localparam int RESULT = QW + 16 + 4 + 8 + 16 + 32 + 32
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   hold,                // issue nothing
    input  logic [63:0]            timestamp,

    // {queue, tag, opcode, status, segment, bytes, crc} of each source.
    input  logic [2:0]             in_valid,
    output logic [2:0]             in_ready,
    input  logic [2:0][RESULT-1:0] in_result,

    // Look-up in the queue state: of the result that is looked at, and of the one whose record is made.
    output logic [QW-1:0]          pick_queue,
    input  logic [63:0]            pick_base,
    input  logic [CQ-1:0]          pick_mask,           // records of the ring less one
    input  logic [CQ-1:0]          pick_index,
    output logic [QW-1:0]          issue_queue,
    output logic [CQ-1:0]          issue_index,
    input  logic [SQ-1:0]          issue_sq_head,
    output logic                   issue,
    output logic                   written,
    output logic                   written_error,
    output logic [QW-1:0]          written_queue,

    output logic                   aw_valid,
    input  logic                   aw_ready,
    output logic [ADDR_WIDTH-1:0]  aw_addr,
    output logic [7:0]             aw_len,
    output logic                   w_valid,
    input  logic                   w_ready,
    output logic [DATA_WIDTH-1:0]  w_data,
    output logic [DATA_WIDTH/8-1:0] w_strb,
    input  logic                   b_valid,
    input  logic                   b_error
);

  localparam int RECORD = 256;
  localparam int LB = $clog2(DATA_WIDTH / 8);
  localparam int WIDTH = DATA_WIDTH < RECORD ? DATA_WIDTH : RECORD;
  localparam int BEATS = RECORD / WIDTH;
  localparam int BW = BEATS > 1 ? $clog2(BEATS) : 1;

  // ------------------------------------------------------------------------------------ stage 1: pick a result

  logic picked_reg, over;                           // over: the last beat goes into the FIFO
  logic [2:0] turn_reg, grant, taken_reg;           // a bit a source; who is first in line, whose it is
  logic [RESULT-17:0] result_reg;
  wire source_valid = |in_valid;

  always_comb begin
    for (int i = 0; i < 3; i++) begin
      grant[i] = in_valid[i] && (turn_reg[i] || (!in_valid[(i + 2) % 3] && (turn_reg[(i + 2) % 3] || !in_valid[(i + 1) % 3])));
    end
  end

  wire [1:0] source = {grant[2], grant[1]};

  // A result is looked at in one cycle and taken in the next, while its record's address goes out.
  wire pick_ready = !picked_reg;
  assign in_ready = taken_reg;

  always_ff @(posedge clk) begin
    if (rst) begin
      picked_reg <= 1'b0;
      taken_reg <= 3'd0;
      turn_reg <= 3'd1;
    end else begin
      taken_reg <= pick_ready && source_valid ? grant : 3'd0;
      if (pick_ready) picked_reg <= source_valid;
      else if (over) picked_reg <= 1'b0;
      if (pick_ready && source_valid) turn_reg <= {grant[1:0], grant[2]};
    end
  end

  // An engine's result names a segment with a bus error only, a rejected request's always.
  logic [15:0] source_tag, source_segment, segment;
  logic [3:0] source_opcode;
  logic [7:0] source_status;
  logic [31:0] source_bytes, source_crc;
  logic [QW-1:0] source_queue;

  // Asked of each source, not of the one picked. What an engine has to say takes three bits.
  localparam int STATUS = 16 + 32 + 32;
  logic [2:0] named;

  always_comb begin
    for (int i = 0; i < 3; i++) named[i] = i == 0 || in_result[i][STATUS +: 3] == sgdma_pkg::STATUS_BUS_ERROR[2:0];
  end

  assign {source_queue, source_tag, source_opcode, source_status, source_segment, source_bytes, source_crc} = in_result[source];

  always_ff @(posedge clk) begin
    if (pick_ready) begin
      result_reg <= {source_queue, source_tag, source_opcode, source_status, source_bytes, source_crc};
      segment <= named[source] ? source_segment : sgdma_pkg::NO_SEGMENT;
    end
  end

  // ---------------------------------------------------------------------------------- stage 2: make the record

  logic [15:0] tag;
  logic [3:0] opcode;
  logic [7:0] status;
  logic [31:0] bytes, crc;
  sgdma_pkg::completion_t record;

  logic [QW-1:0] result_queue;

  assign {result_queue, tag, opcode, status, bytes, crc} = result_reg;
  assign issue_queue = QUEUES > 1 ? result_queue : '0;

  // Where there are several queues tables are asked a cycle ahead: while a result is looked at no record leaves.
  logic [63:0] issue_base;
  logic [CQ-1:0] issue_mask;
  assign pick_queue = QUEUES > 1 ? source_queue : '0;

  if (QUEUES > 1) begin : g_looked_up
    always_ff @(posedge clk) begin
      if (pick_ready) begin
        issue_base <= pick_base;
        issue_mask <= pick_mask;
        issue_index <= pick_index;
      end
    end
  end else begin : g_known
    assign issue_base = pick_base;
    assign issue_mask = pick_mask;
    assign issue_index = pick_index;
  end

  wire [63:0] offset = {43'd0, issue_index & issue_mask, 5'd0};
  logic wrapped_reg;
  wire wrapped = (issue_index & ~issue_mask & {issue_mask[CQ-2:0], 1'b1}) != '0;

  always_comb begin
    record.tag = tag;
    record.sequence_number = issue_index;
    record.segment_index = segment;
    record.status = status;
    record.opcode = {4'd0, opcode};
    record.bytes_moved = bytes;
    record.crc32c = crc;
    record.timestamp = timestamp;
    record.sq_head = 32'(issue_sq_head);
    record.queue = 16'(issue_queue);
    record.phase = {15'd0, BEATS == 1 ? !wrapped : !wrapped_reg};
  end

  logic log_ready, room_reg;                        // room for a record's data
  logic [BW-1:0] beat_reg;                          // of the data, goes into the FIFO; the first one with the address
  logic first_reg;
  wire first = BEATS == 1 || first_reg;
  wire [63:0] address = issue_base + offset;
  wire sent = aw_valid && aw_ready;
  wire push = sent || !first;

  assign over = push && (BEATS == 1 || beat_reg == BW'(BEATS - 1));
  assign issue = sent;
  assign aw_valid = picked_reg && first && log_ready && room_reg && !hold;
  assign aw_addr = {address[ADDR_WIDTH-1:LB], LB'(0)};
  assign aw_len = 8'(BEATS - 1);

  always_ff @(posedge clk) begin
    if (rst) beat_reg <= '0;
    else if (push && BEATS > 1) beat_reg <= beat_reg + 1'b1;     // goes round
    if (rst || over) first_reg <= 1'b1;
    else if (sent) first_reg <= 1'b0;
    if (first) wrapped_reg <= wrapped;              // the index moves on when the address goes out
  end

  // ------------------------------------------------------------------------------------------ stage 3: its data

  // Half full is full: counted two cycles late, and then a record may come.
  logic [$clog2(4 * BEATS):0] body_level;
  always_ff @(posedge clk) room_reg <= 32'(body_level) <= 2 * BEATS;

  logic [WIDTH-1:0] body;
  logic part;                                       // which half of a beat, at 512 bit

  sgdma_fifo #(.WIDTH(WIDTH + 1), .DEPTH(4 * BEATS), .ROOMY(1)) bodies (
      .clk(clk), .rst(rst),
      .in_valid(push), .in_ready(), .in_data({offset[5], record[WIDTH*beat_reg +: WIDTH]}),
      .out_valid(w_valid), .out_ready(w_ready), .out_data({part, body}), .level(body_level));

  assign w_data = {DATA_WIDTH / WIDTH{body}};
  always_comb begin
    for (int i = 0; i < DATA_WIDTH / 8; i++) w_strb[i] = DATA_WIDTH <= RECORD || i / 32 == 32'(part);
  end

  // -------------------------------------------------------------------------------------- responses, in order

  logic log_valid;
  logic [QW-1:0] log_queue;

  sgdma_fifo #(.WIDTH(QW), .DEPTH(OUTSTANDING)) log (
      .clk(clk), .rst(rst),
      .in_valid(sent), .in_ready(log_ready), .in_data(issue_queue),
      .out_valid(log_valid), .out_ready(b_valid), .out_data(log_queue), .level());

  assign written_queue = QUEUES > 1 ? log_queue : '0;
  assign written = b_valid && log_valid;
  assign written_error = b_error;

  wire unused = &{1'b0, address, beat_reg, first_reg, part, result_queue, log_queue, wrapped_reg};

endmodule
