// User logic of one's own, as an example: what the host sends comes back with one added to every byte.
//
// A request from card to host takes the next packet from host to card; their lengths must be equal. The packet waits until it
// is asked for, so nothing is stored here, and both streams go at a beat a cycle.

module increment #(
    parameter int DATA_WIDTH = 64,
    localparam int BYTES = DATA_WIDTH / 8
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  user_reset,

    input  logic                  h2c_cmd_valid,
    output logic                  h2c_cmd_ready,
    input  logic                  h2c_tvalid,
    output logic                  h2c_tready,
    input  logic [DATA_WIDTH-1:0] h2c_tdata,
    input  logic [BYTES-1:0]      h2c_tkeep,
    input  logic                  h2c_tlast,
    input  logic                  h2c_tuser,

    input  logic                  c2h_cmd_valid,
    output logic                  c2h_cmd_ready,
    input  logic                  c2h_cancel,
    output logic                  c2h_tvalid,
    input  logic                  c2h_tready,
    output logic [DATA_WIDTH-1:0] c2h_tdata,
    output logic [BYTES-1:0]      c2h_tkeep,
    output logic                  c2h_tlast,
    output logic                  c2h_tuser
);

  logic owed_reg;                                  // the host has asked for a packet
  logic inside_reg;                                // a packet from the host has begun
  logic drain_reg;                                 // its rest is not wanted any more

  // No use is made of address, port, queue and length: a request from the host is its packet.
  assign h2c_cmd_ready = 1'b1;
  assign c2h_cmd_ready = !owed_reg;

  // A cancelled request wants no data, only the end of its packet. A beat that is offered already stays as it is.
  logic offered_reg, cut_reg;
  wire cut = offered_reg ? cut_reg : c2h_cancel;

  always_ff @(posedge clk) begin
    offered_reg <= !rst && !user_reset && c2h_tvalid && !c2h_tready;
    cut_reg <= cut;
  end

  assign c2h_tvalid = owed_reg && !drain_reg && (h2c_tvalid || cut);
  assign c2h_tlast = h2c_tlast || cut;
  assign c2h_tkeep = cut ? '1 : h2c_tkeep;
  assign c2h_tuser = h2c_tuser && h2c_tlast && !cut;
  assign h2c_tready = drain_reg || (owed_reg && c2h_tready && !cut);
  for (genvar i = 0; i < BYTES; i++) begin : g_byte
    assign c2h_tdata[8*i+:8] = h2c_tdata[8*i+:8] + 8'd1;
  end

  wire taken = h2c_tvalid && h2c_tready;

  always_ff @(posedge clk) begin
    if (rst || user_reset) begin
      {owed_reg, inside_reg, drain_reg} <= '0;
    end else begin
      if (c2h_cmd_valid && c2h_cmd_ready) owed_reg <= 1'b1;
      else if (c2h_tvalid && c2h_tready && c2h_tlast) owed_reg <= 1'b0;
      if (taken) inside_reg <= !h2c_tlast;
      if (taken && h2c_tlast) drain_reg <= 1'b0;
      else if (c2h_tvalid && c2h_tready && cut) drain_reg <= inside_reg;
    end
  end

  wire unused = h2c_cmd_valid;

endmodule
