// A design of one's own around the core as `sgdma gen --no-fixture` writes it: user logic inside, and outside the two buses that
// go to the host. Ports have the core's names, so `.*` connects them; WIDTH must be the core's --data-width.

module own_top #(
    parameter int WIDTH = 64
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [15:0]           csr_araddr,
    input  logic [2:0]            csr_arprot,
    output logic                  csr_arready,
    input  logic                  csr_arvalid,
    input  logic [15:0]           csr_awaddr,
    input  logic [2:0]            csr_awprot,
    output logic                  csr_awready,
    input  logic                  csr_awvalid,
    input  logic                  csr_bready,
    output logic [1:0]            csr_bresp,
    output logic                  csr_bvalid,
    output logic [31:0]           csr_rdata,
    input  logic                  csr_rready,
    output logic [1:0]            csr_rresp,
    output logic                  csr_rvalid,
    input  logic [31:0]           csr_wdata,
    output logic                  csr_wready,
    input  logic [3:0]            csr_wstrb,
    input  logic                  csr_wvalid,
    output logic [63:0]           mem_araddr,
    output logic [1:0]            mem_arburst,
    output logic [3:0]            mem_arcache,
    output logic                  mem_arid,
    output logic [7:0]            mem_arlen,
    output logic                  mem_arlock,
    output logic [2:0]            mem_arprot,
    output logic [3:0]            mem_arqos,
    input  logic                  mem_arready,
    output logic [3:0]            mem_arregion,
    output logic [2:0]            mem_arsize,
    output logic                  mem_aruser,
    output logic                  mem_arvalid,
    output logic [63:0]           mem_awaddr,
    output logic [1:0]            mem_awburst,
    output logic [3:0]            mem_awcache,
    output logic                  mem_awid,
    output logic [7:0]            mem_awlen,
    output logic                  mem_awlock,
    output logic [2:0]            mem_awprot,
    output logic [3:0]            mem_awqos,
    input  logic                  mem_awready,
    output logic [3:0]            mem_awregion,
    output logic [2:0]            mem_awsize,
    output logic                  mem_awuser,
    output logic                  mem_awvalid,
    input  logic                  mem_bid,
    output logic                  mem_bready,
    input  logic [1:0]            mem_bresp,
    input  logic                  mem_buser,
    input  logic                  mem_bvalid,
    input  logic [WIDTH-1:0]      mem_rdata,
    input  logic                  mem_rid,
    input  logic                  mem_rlast,
    output logic                  mem_rready,
    input  logic [1:0]            mem_rresp,
    input  logic                  mem_ruser,
    input  logic                  mem_rvalid,
    output logic [WIDTH-1:0]      mem_wdata,
    output logic                  mem_wlast,
    input  logic                  mem_wready,
    output logic [WIDTH/8-1:0]    mem_wstrb,
    output logic                  mem_wuser,
    output logic                  mem_wvalid,
    output logic                  irq
);

  logic h2c_cmd_ready, h2c_cmd_valid, h2c_tlast, h2c_tready, h2c_tuser, h2c_tvalid;
  logic c2h_cancel, c2h_cmd_ready, c2h_cmd_valid, c2h_tlast, c2h_tready, c2h_tuser, c2h_tvalid, user_reset;
  logic [47:0] c2h_cmd_address, h2c_cmd_address;
  logic [31:0] c2h_cmd_length, h2c_cmd_length;
  logic [1:0] c2h_cmd_port, h2c_cmd_port;
  logic [7:0] c2h_cmd_queue, h2c_cmd_queue;
  logic [WIDTH-1:0] c2h_tdata, h2c_tdata;
  logic [WIDTH/8-1:0] c2h_tkeep, h2c_tkeep;

  sgdma_standalone core (.vectors(), .*);

  increment #(.DATA_WIDTH(WIDTH)) logic_of_ones_own (.*);

  // What this logic has no use for.
  wire unused = ^{h2c_cmd_address, h2c_cmd_length, h2c_cmd_port, h2c_cmd_queue, c2h_cmd_address, c2h_cmd_length,
                  c2h_cmd_port, c2h_cmd_queue};

endmodule
