// Slot reader of the checker: reads the slots of one queue in order, ahead of the walk, and tells what each of them is.
//
//   slot memory --> registers --> judged --> small FIFO --> slot on show, with what the walk asks of it
//
// Slot memory is slow to read and late to enable: what it answers goes to a register, a read is begun by a count of places alone,
// and the walk ends at the register on show. What is not there yet is read again and again, and so is the first slot while there
// is no turn. Kind, tag and index of a slot are held against its predecessor's on the way into the FIFO, so that a list is in order
// when every slot of it follows. A header is judged there as well. What the walk takes and flushes is counted a cycle late.

module sgdma_slots #(
    parameter int PREFETCH = 256,
    parameter int LIST_SLOTS = 512,
    parameter bit LATE = 0,                         // `read_slot` comes in two cycles, not one
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
    input  logic                 flush,             // forget what was read; `load` follows
    input  logic [FILL-1:0]      filled,            // the first slot not yet there, low bits

    output logic                 read_enable,
    output logic [SQ-1:0]        read_index,
    input  logic [127:0]         read_slot,

    output logic                 waiting,           // a slot is on show or comes; a cycle late
    output logic                 valid,
    output logic [127:0]         slot,
    input  logic                 take,              // if there is one
    output logic                 is_header,
    output logic                 follows,           // a segment, and the next one behind the slot before it

    // If it is a header: its direction, what is wrong with it, whether its list finds room.
    output logic                 is_c2h,
    output logic                 unsound,
    output logic                 bad_count,
    output logic                 bad_total,
    output logic                 bad_size,
    output logic                 fits,
    output logic                 untouched,         // no slot of this turn has been read
    input  logic [1:0][FREE:0]   spare              // places of the list buffers for the next slot read; negative for none
);

  localparam sgdma_pkg::rules_t H2C = H2C_RULES;
  localparam sgdma_pkg::rules_t C2H = C2H_RULES;
  localparam int DEPTH = 8;                         // slots read ahead, at most
  localparam int COUNT = $clog2(DEPTH) + 1;

  // ------------------------------------------------------------------------------------------- reads, in advance

  logic [SQ-1:0] index_reg;
  logic [COUNT-1:0] ahead_reg;                      // slots read and not yet on show
  logic asked_reg, raw_reg, read_reg, idle_reg, flush_reg, queued, move, moved_reg;
  logic [127:0] next_slot, data;                    // `data` if `read_reg`

  wire more = filled != FILL'(read_index);
  wire on = more && read_enable;
  wire keep = on && (!load || begins);

  assign read_enable = !ahead_reg[COUNT-1] || load;
  assign read_index = load ? first : index_reg;
  assign waiting = valid || !idle_reg;

  always_ff @(posedge clk) begin
    index_reg <= read_index + SQ'(on);              // means nothing while no turn begins
    flush_reg <= flush || rst;
    asked_reg <= keep;                              // what is asked for while a flush is told is of the new turn already
    raw_reg <= LATE ? asked_reg && !flush_reg : keep;
    read_reg <= raw_reg && !flush_reg;
    data <= read_slot;
    untouched <= load || (untouched && !raw_reg);
    idle_reg <= (ahead_reg == '0 || (ahead_reg == COUNT'(1) && moved_reg)) && !more && !load;
    moved_reg <= move && !flush_reg;
    if (flush_reg) ahead_reg <= COUNT'(keep);
    else if (keep != moved_reg) ahead_reg <= ahead_reg + {{COUNT - 1{moved_reg}}, 1'b1};
    valid <= !flush_reg && (move || (valid && !take));
  end

  // ----------------------------------------------------------------------------------- what the slot read is

  typedef struct packed {
    logic is_header, follows, is_c2h, unsound, bad_count, bad_total, far_off, on_edge, over_low, fits;
  } what_t;
  what_t what, next_what;

  wire sgdma_pkg::header_t header = data;
  wire sgdma_pkg::segment_t segment = data;

  wire to_h2c = header.opcode == sgdma_pkg::OP_H2C;
  wire to_c2h = header.opcode == sgdma_pkg::OP_C2H;
  // A header of neither opcode is refused whatever its limits.
  wire other = header.opcode[1];
  wire [15:0] most_segments = other ? C2H.max_segments : H2C.max_segments;
  wire [15:0] total_mask = other ? C2H.total_mask : H2C.total_mask;
  wire [31:0] most_bytes = other ? C2H.max_request_size : H2C.max_request_size;
  logic far_off, on_edge, over_low;                 // a total's two halves are held against the limit apart
  assign bad_size = far_off || (on_edge && over_low);
  logic [15:0] tag_reg;                             // of the slot read before, and the index behind it
  logic [11:0] expect_reg;
  // What no list buffer can hold need not wait for room: it is refused.
  wire hopeless = header.segment_count[15:FREE] != '0 || (header.segment_count[FREE-1] && header.segment_count[FREE-2:0] != '0);

  // The opcode has to come from a memory far away: it selects last.
  logic [1:0] fits_in;
  always_comb begin
    for (int d = 0; d < 2; d++) fits_in[d] = $signed({1'b0, header.segment_count[FREE-1:0]}) <= $signed(spare[d]);
  end

  always_comb begin
    what.is_header = header.kind == sgdma_pkg::KIND_HEADER;
    what.follows = segment.kind == sgdma_pkg::KIND_SEGMENT && segment.tag == tag_reg && segment.index == expect_reg;
    what.is_c2h = other;
    what.unsound = header.kind != sgdma_pkg::KIND_HEADER || !(to_h2c || to_c2h) || header.flags[7:2] != 6'd0
        || header.flags[1:0] > sgdma_pkg::PORT_MEMORY;
    what.bad_count = header.segment_count == 16'd0 || header.segment_count > most_segments;
    what.bad_total = (header.total_length[15:0] & total_mask) != 16'd0;
    what.far_off = header.total_length == 32'd0 || header.total_length[31:16] > most_bytes[31:16];
    what.on_edge = header.total_length[31:16] == most_bytes[31:16];
    what.over_low = header.total_length[15:0] > most_bytes[15:0];
    what.fits = hopeless || fits_in[other];
  end

  always_ff @(posedge clk) begin
    if (read_reg) begin
      tag_reg <= segment.tag;
      expect_reg <= (segment.index + 12'd1) & {12{header.kind != sgdma_pkg::KIND_HEADER}};
    end
  end

  // --------------------------------------------------------------------------------------- the slot on show

  assign move = queued && (!valid || take);

  sgdma_fifo #(.WIDTH(128 + $bits(what)), .DEPTH(2 * DEPTH), .ROOMY(1)) queue (
      .clk(clk), .rst(flush_reg),
      .in_valid(read_reg), .in_ready(), .in_data({data, what}),
      .out_valid(queued), .out_ready(move), .out_data({next_slot, next_what}), .level());

  always_ff @(posedge clk) begin
    if (move) begin
      slot <= next_slot;
      {is_header, follows, is_c2h, unsound, bad_count, bad_total, far_off, on_edge, over_low, fits} <= next_what;
    end
  end

  wire unused = &{1'b0, header, segment, H2C, C2H};

endmodule
