// AXI4 writes to posted memory writes: bursts are kept until they are whole, then sent in packets of at most MPS.
//
//   W --> banks of dwords -----------------------------> sender
//     \-> first and last byte of the burst --+
//   AW --> FIFO -----------------------------+--> split at multiples of MPS --> packets
//   B <-- FIFO <-- the last beat of a burst's last packet has left
//
// The response says that the packets are in the stream: posted writes keep their order, so nothing that is sent because of the
// response, be it a completion record, an interrupt or the answer to a register read, overtakes the data. A burst without any
// strobe sends nothing and is answered when what was before it has left.

module sgdma_tlp_write #(
    parameter int DATA_WIDTH = 64,
    parameter int BEATS = 256,                     // of the buffer; at least two of the longest bursts
    localparam int BYTES = DATA_WIDTH / 8,
    localparam int LANES = DATA_WIDTH / 32,
    localparam int AW = $clog2(BEATS),
    localparam int NOTE = 11                       // a burst's last packet, its id, its beats
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic [15:0]               requester,
    input  logic [9:0]                max_payload,          // in bytes, a power of two

    input  logic                      awvalid,
    output logic                      awready,
    input  logic                      awid,
    input  logic [63:0]               awaddr,
    input  logic [7:0]                awlen,
    input  logic                      wvalid,
    output logic                      wready,
    input  logic [DATA_WIDTH-1:0]     wdata,
    input  logic [BYTES-1:0]          wstrb,
    input  logic                      wlast,
    output logic                      bvalid,
    input  logic                      bready,
    output logic                      bid,

    output logic                      packet_valid,
    input  logic                      packet_ready,
    output sgdma_tlp_pkg::packet_t                   packet,
    output logic [NOTE-1:0]           note,
    input  logic                      sent_valid,
    input  logic [NOTE-1:0]           sent_note,

    input  logic [LANES-1:0][AW-1:0]  bank_address,
    input  logic                      bank_enable,
    output logic [LANES-1:0][31:0]    bank_data
);

  localparam int LL = $clog2(LANES), PW = 8 + LL;  // PW: place of a dword in a burst

  // ------------------------------------------------------------------------------------------ data, into banks

  logic [AW-1:0] wr_reg;
  logic [AW:0] used_reg;
  logic room_reg;
  logic free;
  logic [8:0] freed;
  wire take = wvalid && wready;

  assign wready = room_reg;

  always_ff @(posedge clk) begin
    if (rst) begin
      wr_reg <= '0;
      used_reg <= '0;
      room_reg <= 1'b0;
    end else begin
      wr_reg <= wr_reg + AW'(take);
      used_reg <= used_reg + (AW + 1)'(take) - (free ? (AW + 1)'(freed) : '0);
      room_reg <= used_reg < (AW + 1)'(BEATS - 2);
    end
  end

  for (genvar bank = 0; bank < LANES; bank++) begin : g_bank
    logic [31:0] memory [BEATS];
    logic [31:0] read_reg;
    always_ff @(posedge clk) begin
      if (take) memory[wr_reg] <= sgdma_tlp_pkg::swapped(wdata[32*bank +: 32]);
    end
    always_ff @(posedge clk) begin
      if (bank_enable) read_reg <= memory[bank_address[bank]];
    end
    assign bank_data[bank] = read_reg;
  end

  // --------------------------------------------------------------------- where the burst's bytes begin and end

  typedef struct packed {
    logic          any;
    logic [AW-1:0] beat;                           // of the buffer, where the burst begins
    logic [PW-1:0] first, last;                    // dwords of the burst
    logic [3:0]    first_be, last_be;
  } extent_t;

  localparam int EXTENT = 1 + AW + 2 * PW + 8;
  extent_t extent_reg, extent, edges;
  logic [7:0] beat_reg;
  logic edges_valid, edges_take;

  always_comb begin
    extent = extent_reg;
    if (beat_reg == 8'd0) begin
      extent.any = 1'b0;
      extent.beat = wr_reg;
    end
    if (!extent.any) begin
      for (int lane = LANES - 1; lane >= 0; lane--)
        if (|wstrb[4*lane +: 4]) begin
          extent.first = {beat_reg, LL'(lane)};
          extent.first_be = wstrb[4*lane +: 4];
        end
    end
    for (int lane = 0; lane < LANES; lane++)
      if (|wstrb[4*lane +: 4]) begin
        extent.last = {beat_reg, LL'(lane)};
        extent.last_be = wstrb[4*lane +: 4];
      end
    if (|wstrb) extent.any = 1'b1;
  end

  always_ff @(posedge clk) begin
    if (rst) beat_reg <= 8'd0;
    else if (take) beat_reg <= wlast ? 8'd0 : beat_reg + 8'd1;
    if (take) extent_reg <= extent;
  end

  logic aw_take, aw_valid, aw_id;
  logic [63:0] aw_addr;
  logic [7:0] aw_len;

  // A burst in the buffer holds its place here: as many as there are addresses, and no more than beats in the buffer.
  sgdma_fifo #(.WIDTH(EXTENT), .DEPTH(BEATS)) extents (
      .clk(clk), .rst(rst),
      .in_valid(take && wlast), .in_ready(), .in_data(extent),
      .out_valid(edges_valid), .out_ready(edges_take), .out_data(edges), .level());

  sgdma_fifo #(.WIDTH(73), .DEPTH(16)) addresses (
      .clk(clk), .rst(rst),
      .in_valid(awvalid), .in_ready(awready), .in_data({awid, awaddr, awlen}),
      .out_valid(aw_valid), .out_ready(aw_take), .out_data({aw_id, aw_addr, aw_len}), .level());

  // ------------------------------------------------------------------------------------------ split into packets

  typedef enum logic [1:0] {NEXT, SIZE, SEND} state_t;
  state_t state_reg;
  logic id_reg, begin_reg, end_reg;
  logic [7:0] len_reg;
  logic [63:2] address_reg;
  logic [PW:0] left_reg;                           // dwords
  logic [AW+LL-1:0] place_reg;
  logic [3:0] first_be_reg, last_be_reg;
  logic [8:0] words_reg;
  logic [3:0] pending_reg;                         // last packets of bursts that are on their way
  logic [5:0] b_level;
  logic b_room_reg;

  wire [7:0] offset = address_reg[9:2] & (max_payload[9:2] - 8'd1);
  wire [8:0] room = {1'b0, max_payload[9:2]} - {1'b0, offset};
  wire whole = left_reg <= (PW + 1)'(room);
  wire one = words_reg == 9'd1;
  wire [3:0] first_be = begin_reg ? first_be_reg : 4'hf;
  wire [3:0] last_be = end_reg ? last_be_reg : 4'hf;
  wire [31:0] second = {requester, 8'd0, one ? 4'h0 : last_be, one ? (first_be & last_be) : first_be};
  wire free_sent = sent_valid && sent_note[10];
  wire nothing = state_reg == NEXT && edges_valid && aw_valid && !edges.any && b_room_reg && pending_reg == 4'd0
      && !packet_valid && !free_sent;
  wire begins = state_reg == NEXT && edges_valid && aw_valid && edges.any && b_room_reg;

  assign edges_take = begins || nothing;
  assign aw_take = edges_take;
  assign packet_valid = state_reg == SEND;
  assign note = {end_reg, id_reg, 9'(len_reg) + 9'd1};
  assign free = free_sent || nothing;
  assign freed = nothing ? 9'(aw_len) + 9'd1 : sent_note[8:0];

  always_comb begin
    packet.head = sgdma_tlp_pkg::memory_head(1'b1, address_reg, {1'b0, words_reg}, second, 32'd0);
    packet.count = |address_reg[63:32] ? 3'd4 : 3'd3;
    packet.words = words_reg;
    packet.place = 12'(place_reg);
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= NEXT;
      pending_reg <= 4'd0;
    end else begin
      case (state_reg)
        NEXT: if (begins) state_reg <= SIZE;
        SIZE: state_reg <= SEND;
        default: if (packet_ready) state_reg <= end_reg ? NEXT : SIZE;
      endcase
      pending_reg <= pending_reg + 4'(begins) - 4'(free_sent);
    end
    if (begins) begin
      id_reg <= aw_id;
      len_reg <= aw_len;
      address_reg <= aw_addr[63:2] + 62'(edges.first);
      left_reg <= {1'b0, edges.last} - {1'b0, edges.first} + 1'b1;
      place_reg <= {edges.beat, {LL{1'b0}}} + (AW + LL)'(edges.first);
      first_be_reg <= edges.first_be;
      last_be_reg <= edges.last_be;
      begin_reg <= 1'b1;
    end
    if (state_reg == SIZE) begin
      words_reg <= whole ? 9'(left_reg) : room;
      end_reg <= whole;
    end
    if (packet_valid && packet_ready) begin
      address_reg <= address_reg + 62'(words_reg);
      left_reg <= left_reg - (PW + 1)'(words_reg);
      place_reg <= place_reg + (AW + LL)'(words_reg);
      begin_reg <= 1'b0;
    end
  end

  // -------------------------------------------------------------------------------------------------- responses

  always_ff @(posedge clk) b_room_reg <= !rst && b_level < 6'd16 && pending_reg < 4'd8;

  sgdma_fifo #(.WIDTH(1), .DEPTH(32)) responses (
      .clk(clk), .rst(rst),
      .in_valid(free), .in_ready(), .in_data(nothing ? aw_id : sent_note[9]),
      .out_valid(bvalid), .out_ready(bready), .out_data(bid), .level(b_level));

  wire unused = &{1'b0, max_payload[1:0], aw_addr[1:0]};

endmodule
