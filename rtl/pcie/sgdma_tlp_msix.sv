// MSI-X: the table, the pending bits, and the writes that interrupts are.
//
// An entry is address, upper address, data and a mask bit, as the specification lays it out; masked after reset. What fires while
// its entry or the function is masked stays pending and is sent when it no longer is; so does what is offered to the sender by
// then: software may change a masked entry, and finds its message sent or pending.

module sgdma_tlp_msix #(
    parameter int VECTORS = 5
) (
    input  logic                clk,
    input  logic                rst,
    input  logic [15:0]         requester,
    input  logic                enable,            // MSI-X enabled and the function not masked
    input  logic [VECTORS-1:0]  fire,

    input  logic [15:0]         address,
    input  logic                table_write,
    input  logic [31:0]         write_data,
    output logic [31:0]         table_data,        // a cycle after the address
    input  logic [2:0][31:0]    counters,

    output logic                packet_valid,
    input  logic                packet_ready,
    output sgdma_tlp_pkg::packet_t             packet
);

  localparam int VW = VECTORS < 2 ? 1 : $clog2(VECTORS);

  logic [31:0] low [1 << VW];
  logic [31:0] high [1 << VW];
  logic [31:0] data [1 << VW];
  logic [VECTORS-1:0] mask_reg, pending_reg;
  wire [VW-1:0] entry = address[4 +: VW];
  wire in_table = address[14:12] == 3'd0 && 32'(address[11:4]) < VECTORS;

  always_ff @(posedge clk) begin
    if (table_write && in_table)
      case (address[3:2])
        2'd0: low[entry] <= write_data;
        2'd1: high[entry] <= write_data;
        2'd2: data[entry] <= write_data;
        default: ;
      endcase
    if (rst) mask_reg <= '1;
    else if (table_write && in_table && address[3:2] == 2'd3) mask_reg[entry] <= write_data[0];
  end

  always_ff @(posedge clk) begin
    table_data <= 32'd0;
    if (in_table)
      case (address[3:2])
        2'd0: table_data <= low[entry];
        2'd1: table_data <= high[entry];
        2'd2: table_data <= data[entry];
        default: table_data <= {31'd0, mask_reg[entry]};
      endcase
    else if (address[14:2] == 13'h0400) table_data <= 32'(pending_reg);
    else if (address[14:4] == 11'h200 && address[3:2] != 2'd3) table_data <= counters[address[3:2]];
  end

  // One vector after the other; the message is in registers before it is offered.
  logic [VW-1:0] turn_reg;
  logic load_reg, offer_reg;
  logic [31:0] low_reg, high_reg, data_reg;

  wire allowed = enable && !mask_reg[turn_reg];

  assign packet_valid = offer_reg && allowed;

  always_comb begin
    packet.head = sgdma_tlp_pkg::memory_head(1'b1, {high_reg, low_reg[31:2]}, 10'd1, {requester, 8'd0, 4'h0, 4'hf},
                                             sgdma_tlp_pkg::swapped(data_reg));
    packet.count = |high_reg ? 3'd5 : 3'd4;
    packet.words = 9'd0;
    packet.place = 12'd0;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      turn_reg <= '0;
      load_reg <= 1'b0;
      offer_reg <= 1'b0;
      pending_reg <= '0;
    end else begin
      pending_reg <= pending_reg | fire;
      if (!load_reg && !offer_reg) begin
        if (allowed && pending_reg[turn_reg]) begin
          load_reg <= 1'b1;
          pending_reg[turn_reg] <= fire[turn_reg];
        end else turn_reg <= turn_reg == VW'(VECTORS - 1) ? '0 : turn_reg + 1'b1;
      end
      if (load_reg) begin
        load_reg <= 1'b0;
        offer_reg <= 1'b1;
      end
      if (packet_ready) offer_reg <= 1'b0;
      else if (offer_reg && !allowed) begin
        offer_reg <= 1'b0;
        pending_reg[turn_reg] <= 1'b1;
      end
    end
    low_reg <= low[turn_reg];
    high_reg <= high[turn_reg];
    data_reg <= data[turn_reg];
  end

  wire unused = &{1'b0, low_reg[1:0], address[15], address[1:0]};

endmodule
