// The alignment rules of both directions on one segment: two pipeline stages, one segment a cycle, never stalls.
//
// `out_rule` is the lowest-numbered rule that the segment violates, 0 when none. `out_mismatch` says that the
// lengths of the request so far, this segment included, don't add up to `in_total`. META travels beside the segment. All limits are
// held against the extent, the length less one: then the last byte's address needs one addition. What passes without `in_valid`
// means nothing; only the sum must not hear of it.

module sgdma_rules #(
    parameter int META = 1,
    parameter int ADDR_WIDTH = 64,
    parameter int BURST = 512,
    parameter int ADDRESS_BITS = 64,
    parameter int LENGTH_BITS = 32,
    parameter int LENGTH_ENCODING = sgdma_pkg::LENGTH_PLAIN,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] H2C_RULES = '0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] C2H_RULES = '0
) (
    input  logic                  clk,
    input  logic                  rst,

    input  logic                  in_valid,
    input  logic                  in_c2h,
    input  logic                  in_first,
    input  logic                  in_last,
    input  logic [63:0]           in_address,
    input  logic [31:0]           in_length,       // as encoded in the slot
    input  logic [15:0]           in_card,         // low bits of the request's card address
    input  logic [31:0]           in_total,        // that the request's lengths must add up to
    input  logic                  in_sound,        // nothing else speaks against it
    input  logic [META-1:0]       in_meta,

    output logic                  out_valid,
    output logic [4:0]            out_rule,
    output logic [ADDR_WIDTH-1:0] out_address,
    output logic [32:0]           out_reach,       // from the start of its first block of BURST bytes to its last byte
    output logic                  out_mismatch,    // so far they don't
    output logic                  out_sound,       // nor does a rule
    output logic [META-1:0]       out_meta
);

  localparam sgdma_pkg::rules_t H2C = H2C_RULES;
  localparam sgdma_pkg::rules_t C2H = C2H_RULES;

  // ------------------------------------------------------------------- stage 1: true length, end, running sum

  wire [31:0] field_mask = LENGTH_BITS >= 32 ? 32'hffffffff : (32'd1 << LENGTH_BITS) - 32'd1;
  wire excess = (in_length & ~field_mask) != 32'd0;
  logic [31:0] length, extent;

  always_comb begin
    case (LENGTH_ENCODING)
      sgdma_pkg::LENGTH_ZERO_IS_MAX: begin
        length = in_length == 32'd0 ? 32'd1 << LENGTH_BITS : in_length;
        extent = in_length == 32'd0 ? field_mask : in_length - 32'd1;
      end
      sgdma_pkg::LENGTH_MINUS_ONE: begin
        length = in_length + 32'd1;
        extent = in_length;
      end
      default: begin
        length = in_length;
        extent = in_length - 32'd1;
      end
    endcase
  end

  logic valid_reg, sound_reg, c2h_reg, first_reg, last_reg, excess_reg, empty_reg;
  logic [63:0] address_reg;
  logic [31:0] extent_reg;
  logic [32:0] sum_reg;
  logic [31:0] total_reg;
  logic [15:0] phase_reg;                           // host address minus card address, low bits
  logic [META-1:0] meta_reg;

  wire [32:0] sum = in_first ? 33'd0 : sum_reg;
  wire [32:0] sum_next = {1'b0, sum[31:0]} + {1'b0, length};

  always_ff @(posedge clk) begin
    valid_reg <= in_valid && !rst;
    if (in_valid) sum_reg <= {sum_next[32] | sum[32], sum_next[31:0]};
    sound_reg <= in_sound;
    c2h_reg <= in_c2h;
    first_reg <= in_first;
    last_reg <= in_last;
    excess_reg <= excess;
    empty_reg <= length == 32'd0;
    address_reg <= in_address;
    extent_reg <= extent;
    phase_reg <= in_address[15:0] - in_card - sum[15:0];
    total_reg <= in_total;
    meta_reg <= in_meta;
  end

  // ------------------------------------------------------------------------------------ stage 2: the rules

  // A selection between two constants is at most one LUT input.
  wire sgdma_pkg::rules_t r = c2h_reg ? C2H : H2C;

  wire [64:0] final_byte = {1'b0, address_reg} + 65'(extent_reg);
  wire [32:0] block_end = {1'b0, address_reg[31:0] & r.boundary_mask} + {1'b0, extent_reg};
  logic [12:1] broken;

  always_comb begin
    broken = '0;
    broken[sgdma_pkg::RULE_ADDRESS_ALIGN] = (address_reg[15:0] & r.address_mask) != 16'd0;
    broken[sgdma_pkg::RULE_SKEW] = (address_reg[15:0] & r.skew_mask) != r.skew_residue;
    broken[sgdma_pkg::RULE_RESIDUE_MATCH] = (phase_reg & r.residue_mask) != 16'd0;
    broken[sgdma_pkg::RULE_LENGTH_ALIGN] = !last_reg && (~extent_reg[15:0] & r.length_mask) != 16'd0;
    broken[sgdma_pkg::RULE_TAIL_ALIGN] = last_reg && (~extent_reg[15:0] & r.tail_mask) != 16'd0;
    broken[sgdma_pkg::RULE_MIN_SEGMENT_SIZE] = empty_reg || extent_reg < r.min_segment_size - 32'd1;
    broken[sgdma_pkg::RULE_MAX_SEGMENT_SIZE] = excess_reg || extent_reg >= r.max_segment_size;
    broken[sgdma_pkg::RULE_MAX_LAST_SEGMENT] = last_reg && r.max_last_segment != 32'd0
        && extent_reg >= r.max_last_segment;
    broken[sgdma_pkg::RULE_GAP_BOUNDARY] = (!first_reg && (address_reg[31:0] & r.gap_mask) != 32'd0)
        || (!last_reg && (~final_byte[31:0] & r.gap_mask) != 32'd0);
    broken[sgdma_pkg::RULE_SEGMENT_BOUNDARY] = r.boundary_used && (block_end & ~{1'b0, r.boundary_mask}) != 33'd0;
    broken[sgdma_pkg::RULE_END_RULE] = r.end_forbidden[final_byte[5:0] & r.end_mask];
    broken[sgdma_pkg::RULE_ADDRESS_BITS] = (final_byte >> ADDRESS_BITS) != 65'd0;
  end

  logic [4:0] rule;

  always_comb begin
    rule = 5'd0;
    for (int i = 12; i >= 1; i--) if (broken[i]) rule = 5'(i);
  end

  always_ff @(posedge clk) begin
    out_valid <= valid_reg && !rst;
    out_rule <= rule;
    out_address <= ADDR_WIDTH'(address_reg);
    out_reach <= {1'b0, address_reg[31:0] & 32'(BURST - 1)} + {1'b0, extent_reg};
    out_mismatch <= sum_reg != {1'b0, total_reg};
    out_sound <= sound_reg && broken == '0;
    out_meta <= meta_reg;
  end

  // The request-level members of the rule word are the checker's.
  wire unused = &{1'b0, final_byte, address_reg, r};

endmodule
