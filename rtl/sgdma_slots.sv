// Slot reader of the checker: reads the slots of one queue in order, ahead of the walk, and tells what each of them is.
//
//   slot memory --> two registers --> small FIFO --> slot on show, with what the walk asks of it
//
// Slot memory is slow to read and late to enable: what it answers goes to a register, a read is begun by a count of places alone,
// and the walk ends at the register on show. What is not there yet is read again and again, and so is the first slot while there
// is no turn. Kind, tag and index of a slot are held against its predecessor's on the way there, so that a list is in order when
// every slot of it follows. A header is judged on the way as well.

module sgdma_slots #(
    parameter int PREFETCH = 256,
    parameter int LIST_SLOTS = 512,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] H2C_RULES = '0,
    parameter logic [sgdma_pkg::RULES_BITS-1:0] C2H_RULES = '0,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int FREE = $clog2(LIST_SLOTS) + 1,
    localparam int FILL = $clog2(PREFETCH) + 1      // bits that tell how far the prefetch is ahead
) (
    input  logic                 clk,
    input  logic                 rst,

    input  logic                 load,              // between turns: begin at `first`
    input  logic                 begins,            // then: a turn begins
    input  logic [SQ-1:0]        first,
    input  logic                 flush,             // forget what was read
    input  logic [FILL-1:0]      filled,            // the first slot not yet there, low bits

    output logic                 read_enable,
    output logic [SQ-1:0]        read_index,
    input  logic [127:0]         read_slot,

    output logic                 waiting,           // a slot is on show or comes; a cycle late
    output logic                 valid,
    output logic [127:0]         slot,
    input  logic                 take,
    output logic                 is_header,
    output logic                 follows,           // a segment, and the next one behind the slot before it

    // If it is a header: its direction, what is wrong with it, whether its list finds room.
    output logic                 is_c2h,
    output logic                 unsound,
    output logic                 bad_count,
    output logic                 bad_total,
    output logic                 bad_size,
    output logic [1:0]           fits,             // in the one of either direction
    input  logic [1:0][FREE:0]   spare              // places of the list buffers; negative for none
);

  localparam sgdma_pkg::rules_t H2C = H2C_RULES;
  localparam sgdma_pkg::rules_t C2H = C2H_RULES;
  localparam int DEPTH = 4;
  localparam int COUNT = $clog2(DEPTH) + 1;

  // ------------------------------------------------------------------------------------------- reads, in advance

  logic [SQ-1:0] index_reg;
  logic [COUNT-1:0] ahead_reg;                      // slots read and not yet on show
  logic raw_reg, read_reg, idle_reg, queued, move;
  logic [127:0] next_slot, data_reg;

  wire more = filled != FILL'(read_index);
  wire keep = more && read_enable && (!load || begins);

  assign read_enable = !ahead_reg[COUNT-1];
  assign read_index = load ? first : index_reg;
  assign move = queued && (!valid || take);
  assign waiting = valid || !idle_reg;

  always_ff @(posedge clk) begin
    index_reg <= read_index + SQ'(keep);
    raw_reg <= keep && !flush && !rst;              // a flush is followed by `load`
    read_reg <= raw_reg && !flush && !rst;
    data_reg <= read_slot;
    idle_reg <= ahead_reg == '0 && !more && !load;
    if (rst || flush) ahead_reg <= '0;
    else if (keep != move) ahead_reg <= ahead_reg + {{COUNT - 1{move}}, 1'b1};
    valid <= !rst && !flush && (move || (valid && !take));
  end

  sgdma_fifo #(.WIDTH(128), .DEPTH(DEPTH)) queue (
      .clk(clk), .rst(rst || flush),
      .in_valid(read_reg), .in_ready(), .in_data(data_reg),
      .out_valid(queued), .out_ready(move), .out_data(next_slot), .level());

  // ------------------------------------------------------------------------------------ what the next slot is

  wire sgdma_pkg::header_t header = next_slot;
  wire sgdma_pkg::segment_t segment = next_slot;
  wire sgdma_pkg::segment_t shown = slot;

  wire to_h2c = header.opcode == sgdma_pkg::OP_H2C;
  wire to_c2h = header.opcode == sgdma_pkg::OP_C2H;
  // A header of neither opcode is refused whatever its limits.
  wire other = header.opcode[1];
  wire [15:0] most_segments = other ? C2H.max_segments : H2C.max_segments;
  wire [15:0] total_mask = other ? C2H.total_mask : H2C.total_mask;
  wire [31:0] most_bytes = other ? C2H.max_request_size : H2C.max_request_size;
  logic far_off, on_edge, over_low;                 // a total's two halves are held against the limit apart
  assign bad_size = far_off || (on_edge && over_low);
  logic [11:0] expect_reg;                          // index behind the slot on show
  // What no list buffer can hold need not wait for room: it is refused.
  wire hopeless = header.segment_count[15:FREE] != '0 || (header.segment_count[FREE-1] && header.segment_count[FREE-2:0] != '0);

  always_ff @(posedge clk) begin
    if (move) begin
      slot <= next_slot;
      is_header <= header.kind == sgdma_pkg::KIND_HEADER;
      follows <= segment.kind == sgdma_pkg::KIND_SEGMENT && segment.tag == shown.tag && segment.index == expect_reg;
      expect_reg <= (segment.index + 12'd1) & {12{header.kind != sgdma_pkg::KIND_HEADER}};
      is_c2h <= to_c2h;
      unsound <= header.kind != sgdma_pkg::KIND_HEADER || !(to_h2c || to_c2h) || header.flags[7:2] != 6'd0
          || header.flags[1:0] > sgdma_pkg::PORT_MEMORY;
      bad_count <= header.segment_count == 16'd0 || header.segment_count > most_segments;
      bad_total <= (header.total_length[15:0] & total_mask) != 16'd0;
      far_off <= header.total_length == 32'd0 || header.total_length[31:16] > most_bytes[31:16];
      on_edge <= header.total_length[31:16] == most_bytes[31:16];
      over_low <= header.total_length[15:0] > most_bytes[15:0];
      for (int d = 0; d < 2; d++) fits[d] <= hopeless || $signed({1'b0, header.segment_count[FREE-1:0]}) <= $signed(spare[d]);
    end
  end

  wire unused = &{1'b0, header, segment, shown, H2C, C2H};

endmodule
