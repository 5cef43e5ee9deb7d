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
    parameter int REACH = 33,                      // bits that tell where a segment ends
    parameter int UNIT = 0,                        // log2 of what divides all lengths
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
    output logic [REACH-1:0]      out_reach,       // from the start of its first block of BURST bytes to its last byte
    output logic                  out_mismatch,    // so far they don't
    output logic                  out_sound,       // nor does a rule
    output logic [META-1:0]       out_meta
);

  localparam sgdma_pkg::rules_t H2C = H2C_RULES;
  localparam sgdma_pkg::rules_t C2H = C2H_RULES;

  // ------------------------------------------------------------------- stage 1: true length, end, running sum

  // What the field can't say is refused, whatever its extent.
  localparam int EB = LENGTH_BITS < 32 ? LENGTH_BITS : 32;
  wire excess = (in_length & ~(32'hffffffff >> (32 - EB))) != 32'd0;
  wire [EB-1:0] field = in_length[EB-1:0];
  logic [EB-1:0] extent;
  logic [EB:0] length;

  always_comb begin
    case (LENGTH_ENCODING)
      sgdma_pkg::LENGTH_ZERO_IS_MAX: begin
        length = {field == '0, field};
        extent = field - 1'b1;
      end
      sgdma_pkg::LENGTH_MINUS_ONE: begin
        length = {1'b0, field} + 1'b1;
        extent = field;
      end
      default: begin
        length = {1'b0, field};
        extent = field - 1'b1;
      end
    endcase
  end

  logic valid_reg, sound_reg, c2h_reg, first_reg, last_reg, excess_reg, empty_reg;
  logic [63:0] address_reg;
  logic [EB-1:0] short_reg;                         // the extent
  logic [32:UNIT] sum_reg;
  logic [31:0] total_reg;
  logic [15:0] phase_reg;                           // host address minus card address, low bits
  logic [META-1:0] meta_reg;

  wire [31:0] extent_reg = 32'(short_reg);
  // Counted in units: what is no multiple of them breaks a rule.
  wire [32:UNIT] sum = in_first ? '0 : sum_reg;
  wire [32:UNIT] sum_next = {1'b0, sum[31:UNIT]} + (33 - UNIT)'(length >> UNIT);
  wire [32:0] moved = 33'(sum) << UNIT;

  always_ff @(posedge clk) begin
    valid_reg <= in_valid && !rst;
    if (in_valid) sum_reg <= {sum_next[32] | sum[32], sum_next[31:UNIT]};
    sound_reg <= in_sound;
    c2h_reg <= in_c2h;
    first_reg <= in_first;
    last_reg <= in_last;
    excess_reg <= excess;
    empty_reg <= !excess && length == '0;
    address_reg <= in_address;
    short_reg <= extent;
    phase_reg <= in_address[15:0] - in_card - moved[15:0];
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
    broken[sgdma_pkg::RULE_MIN_SEGMENT_SIZE] = empty_reg || (!excess_reg && extent_reg < r.min_segment_size - 32'd1);
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
    out_reach <= REACH'({1'b0, address_reg[31:0] & 32'(BURST - 1)} + {1'b0, extent_reg});
    out_mismatch <= sum_reg != {1'b0, total_reg[31:UNIT]};
    out_sound <= sound_reg && broken == '0;
    out_meta <= meta_reg;
  end

  // The request-level members of the rule word are the checker's.
  wire unused = &{1'b0, final_byte, address_reg, total_reg, moved, r};

endmodule
