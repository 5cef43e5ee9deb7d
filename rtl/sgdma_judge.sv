// Verdict on whole requests: the rules on every segment, and what the walk found, come down to a commit of the list or a reject.
//
// Segments are pushed into the direction's list buffer as they pass; with the last one the list is committed, or rolled back and
// the request refused with the first thing that was wrong with it.

module sgdma_judge #(
    parameter int QUEUES = 4,
    parameter int ADDR_WIDTH = 64,
    parameter int BURST = 512,
    parameter int REACH = 33,                       // bits that tell where a segment ends
    parameter int UNIT = 0,                         // log2 of what divides all lengths
    parameter int ADDRESS_BITS = 64,
    parameter int LENGTH_BITS = 32,
    parameter int LENGTH_ENCODING = sgdma_pkg::LENGTH_PLAIN,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] H2C_RULES = '0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] C2H_RULES = '0,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic [QUEUES-1:0]         aborting,

    // From the walk: a segment, or what ends a request without one.
    input  logic                      in_valid,
    input  logic                      in_segment,
    input  logic                      in_last,        // nothing more comes of this request
    input  logic [7:0]                in_status,      // of what is no segment
    input  logic [15:0]               in_index,
    input  logic                      in_c2h,
    input  logic                      in_first,
    input  logic                      in_list_last,   // the list's last segment
    input  logic [63:0]               in_address,
    input  logic [31:0]               in_length,
    input  logic [QW-1:0]             in_queue,       // the request
    input  logic [3:0]                in_opcode,
    input  logic [15:0]               in_tag,
    input  logic [31:0]               in_total,
    input  logic [47:0]               in_card,
    input  logic [1:0]                in_port,
    output logic                      valid,          // something is judged

    // Lists: index 0 is H2C, 1 is C2H.
    output logic [1:0]                list_push,
    output logic [ADDR_WIDTH-1:0]     list_address,
    output logic [REACH-1:0]          list_reach,     // from the start of its first block to its last byte
    output logic                      list_last,
    output logic [1:0]                list_commit,
    output logic [1:0]                list_rollback,
    output logic [QW-1:0]             request_queue,
    output logic [15:0]               request_tag,
    output logic [31:0]               request_length,
    output logic [47:0]               request_card,
    output logic [1:0]                request_port,

    output logic                      reject_valid,
    output logic [QW-1:0]             reject_queue,
    output logic [15:0]               reject_tag,
    output logic [3:0]                reject_opcode,
    output logic [7:0]                reject_status,
    output logic [15:0]               reject_segment
);

  // -------------------------------------------------------------------------------------------------- rules

  // An abort is asked for when the segment is handed over: who cuts the list asks again.
  wire in_aborted = in_last && aborting[in_queue];
  localparam int META = 1 + 1 + 1 + 8 + 16 + QW + 4 + 16 + 32 + 48 + 2;
  logic judge_segment, judge_last, judge_aborted, judge_mismatch, judge_sound, failed_reg;
  logic [4:0] judge_rule;
  logic [7:0] judge_status, status_reg, status;
  logic [15:0] judge_index, segment_reg, index;
  logic [3:0] context_opcode;

  sgdma_rules #(
      .META(META), .ADDR_WIDTH(ADDR_WIDTH), .BURST(BURST), .REACH(REACH), .UNIT(UNIT), .ADDRESS_BITS(ADDRESS_BITS),
      .LENGTH_BITS(LENGTH_BITS), .LENGTH_ENCODING(LENGTH_ENCODING), .H2C_RULES(H2C_RULES), .C2H_RULES(C2H_RULES)
  ) rules (
      .clk(clk), .rst(rst),
      .in_valid(in_valid), .in_c2h(in_c2h), .in_first(in_first), .in_last(in_list_last),
      .in_address(in_address), .in_length(in_length), .in_card(in_card[15:0]),
      .in_total(in_total), .in_sound(in_segment && !in_aborted),
      .in_meta({in_segment, in_last, in_aborted, in_status, in_index, in_queue, in_opcode, in_tag, in_total, in_card, in_port}),
      .out_valid(valid), .out_rule(judge_rule), .out_address(list_address), .out_reach(list_reach),
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

  wire finish = valid && judge_last;
  wire good = !failed_reg && judge_sound && !(judge_last && judge_mismatch);
  wire to_c2h = context_opcode[1];                // nothing is pushed of a request with a wrong opcode
  wire [1:0] side = {to_c2h, !to_c2h};

  assign list_push = side & {2{valid && judge_segment}};
  assign list_last = judge_last;
  assign list_commit = side & {2{finish && good}};
  assign list_rollback = side & {2{finish && !good}};

  always_ff @(posedge clk) begin
    if (rst || finish) failed_reg <= 1'b0;
    else if (valid && !good) failed_reg <= 1'b1;
    if (valid) begin
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

endmodule
