// Bench of the stand-alone build: reset, host memory (AXI4) and register port (AXI-Lite) behind DPI-C; main.cpp drives the clock.
//
// All conversation with Python goes through one shared control block (see host_memory.cpp); Python waits for `wake` only.

`timescale 1ns / 1ps

module sgdma_tb #(
    parameter int DATA_WIDTH = 64,
    parameter int VECTORS = 5
) (
    input  logic clk,
    output logic wake /*verilator public_flat_rd*/, // toggles when Python is to look
    output logic active // something moves in this cycle: what bounded waves keep (waves.h)
);

  localparam int BYTES = DATA_WIDTH / 8;

  import "DPI-C" context function void host_open(input int data_bytes);
  import "DPI-C" context function void host_step(
      input  bit        irq, input int vectors,
      input  bit        ar_fire, input longint ar_addr, input byte ar_len, input bit ar_id,
      input  bit        aw_fire, input longint aw_addr, input byte aw_len, input bit aw_id,
      input  bit        w_fire,  input bit w_last,
      input  bit        r_free,  input bit b_free,
      output bit        ar_ready, output bit aw_ready, output bit w_ready,
      output bit        r_new,  output bit r_id, output byte r_resp, output bit r_last,
      output bit        b_new,  output bit b_id, output byte b_resp,
      output bit        reg_write, output bit reg_read, output int reg_addr, output int reg_value,
      input  bit        reg_done, input int reg_result,
      output bit        woken, output bit reset);
  import "DPI-C" context function void host_write_beat(input bit [DATA_WIDTH-1:0] data, input bit [BYTES-1:0] strobe);
  import "DPI-C" context function void host_read_beat(output bit [DATA_WIDTH-1:0] data);
  import "DPI-C" context function void host_forget();
  import "DPI-C" context function void host_violation(input string text);

  logic rst = 1'b1;
  logic [3:0] reset_reg = 4'd15;

  initial begin
    wake = 1'b0;
    host_open(BYTES);
  end

  always_ff @(posedge clk) begin
    if (!rst && reset_wanted) reset_reg <= 4'd15;
    else if (reset_reg != 4'd0) reset_reg <= reset_reg - 4'd1;
    rst <= reset_reg != 4'd0;
  end

  // ------------------------------------------------------------------------------------------------- device

  logic [15:0] csr_addr;
  logic [31:0] csr_wdata, csr_rdata;
  logic csr_arvalid, csr_arready, csr_awvalid, csr_awready, csr_wvalid, csr_wready, csr_bvalid, csr_rvalid;
  logic irq;
  logic [VECTORS-1:0] vectors;

  logic mem_arvalid, mem_arready, mem_arid, mem_awvalid, mem_awready, mem_awid, mem_wvalid, mem_wready, mem_wlast;
  logic mem_rvalid, mem_rready, mem_rid, mem_rlast, mem_bvalid, mem_bready, mem_bid;
  logic [63:0] mem_araddr, mem_awaddr;
  logic [7:0] mem_arlen, mem_awlen;
  logic [DATA_WIDTH-1:0] mem_rdata, mem_wdata;
  logic [BYTES-1:0] mem_wstrb;
  logic [1:0] mem_rresp, mem_bresp;

  sgdma_standalone dut (
      .clk(clk), .rst(rst), .irq(irq), .vectors(vectors),
      .csr_araddr(csr_addr), .csr_arprot(3'd0), .csr_arready(csr_arready), .csr_arvalid(csr_arvalid),
      .csr_awaddr(csr_addr), .csr_awprot(3'd0), .csr_awready(csr_awready), .csr_awvalid(csr_awvalid),
      .csr_bready(1'b1), .csr_bresp(), .csr_bvalid(csr_bvalid), .csr_rdata(csr_rdata), .csr_rready(1'b1),
      .csr_rresp(), .csr_rvalid(csr_rvalid), .csr_wdata(csr_wdata), .csr_wready(csr_wready), .csr_wstrb(4'hf),
      .csr_wvalid(csr_wvalid),
      .mem_araddr(mem_araddr), .mem_arburst(), .mem_arcache(), .mem_arid(mem_arid), .mem_arlen(mem_arlen),
      .mem_arlock(), .mem_arprot(), .mem_arqos(), .mem_arready(mem_arready), .mem_arregion(), .mem_arsize(),
      .mem_aruser(), .mem_arvalid(mem_arvalid),
      .mem_awaddr(mem_awaddr), .mem_awburst(), .mem_awcache(), .mem_awid(mem_awid), .mem_awlen(mem_awlen),
      .mem_awlock(), .mem_awprot(), .mem_awqos(), .mem_awready(mem_awready), .mem_awregion(), .mem_awsize(),
      .mem_awuser(), .mem_awvalid(mem_awvalid),
      .mem_bid(mem_bid), .mem_bready(mem_bready), .mem_bresp(mem_bresp), .mem_buser(1'b0), .mem_bvalid(mem_bvalid),
      .mem_rdata(mem_rdata), .mem_rid(mem_rid), .mem_rlast(mem_rlast), .mem_rready(mem_rready),
      .mem_rresp(mem_rresp), .mem_ruser(1'b0), .mem_rvalid(mem_rvalid),
      .mem_wdata(mem_wdata), .mem_wlast(mem_wlast), .mem_wready(mem_wready), .mem_wstrb(mem_wstrb), .mem_wuser(),
      .mem_wvalid(mem_wvalid));

  // -------------------------------------------------------------------------------------------- one step a cycle

  bit ar_ready, aw_ready, w_ready, r_new, r_id, r_last, b_new, b_id, reg_write, reg_read, woken, reset_wanted;
  byte r_resp, b_resp;
  int reg_addr, reg_value;
  bit [DATA_WIDTH-1:0] r_data;
  logic reg_done_reg, reg_write_reg, reg_read_reg;
  logic [31:0] reg_result_reg, reg_addr_reg, reg_value_reg;

  always_ff @(posedge clk) begin
    if (!rst) begin
      if (mem_wvalid && mem_wready) host_write_beat(mem_wdata, mem_wstrb);
      host_step(
          irq, 32'(vectors), mem_arvalid && mem_arready, mem_araddr, mem_arlen, mem_arid,
          mem_awvalid && mem_awready, mem_awaddr, mem_awlen, mem_awid,
          mem_wvalid && mem_wready, mem_wlast,
          !mem_rvalid || mem_rready, !mem_bvalid || mem_bready,
          ar_ready, aw_ready, w_ready, r_new, r_id, r_resp, r_last, b_new, b_id, b_resp,
          reg_write, reg_read, reg_addr, reg_value, reg_done_reg, reg_result_reg, woken, reset_wanted);
      mem_arready <= ar_ready;
      mem_awready <= aw_ready;
      mem_wready <= w_ready;
      if (!mem_rvalid || mem_rready) begin
        mem_rvalid <= r_new;
        mem_rid <= r_id;
        mem_rresp <= r_resp[1:0];
        mem_rlast <= r_last;
        // Scrambled while not valid: data taken too early or too late shows.
        if (r_new) begin
          host_read_beat(r_data);
          mem_rdata <= r_data;
        end else mem_rdata <= ~mem_rdata;
      end
      if (!mem_bvalid || mem_bready) begin
        mem_bvalid <= b_new;
        mem_bid <= b_id;
        mem_bresp <= b_resp[1:0];
      end
      reg_write_reg <= reg_write;
      reg_read_reg <= reg_read;
      reg_addr_reg <= reg_addr;
      reg_value_reg <= reg_value;
      if (woken) wake <= !wake;
    end else begin
      host_forget();  // what the device still said on its way into reset
      mem_arready <= 1'b0;
      mem_awready <= 1'b0;
      mem_wready <= 1'b0;
      mem_rvalid <= 1'b0;
      mem_bvalid <= 1'b0;
      mem_rid <= 1'b0;
      mem_rresp <= 2'd0;
      mem_rlast <= 1'b0;
      mem_rdata <= '0;
      mem_bid <= 1'b0;
      mem_bresp <= 2'd0;
      reg_write_reg <= 1'b0;
      reg_read_reg <= 1'b0;
    end
  end

  // ------------------------------------------------------------------------------- register port: one at a time

  always_ff @(posedge clk) begin
    if (rst) begin
      {csr_arvalid, csr_awvalid, csr_wvalid, reg_done_reg} <= '0;
      csr_addr <= '0;
      csr_wdata <= '0;
      reg_result_reg <= '0;
    end else begin
      reg_done_reg <= csr_rvalid || csr_bvalid;
      if (csr_rvalid) reg_result_reg <= csr_rdata;
      if (csr_arready) csr_arvalid <= 1'b0;
      if (csr_awready) csr_awvalid <= 1'b0;
      if (csr_wready) csr_wvalid <= 1'b0;
      if (reg_write_reg || reg_read_reg) begin
        csr_addr <= reg_addr_reg[15:0];
        csr_wdata <= reg_value_reg;
        csr_arvalid <= reg_read_reg;
        csr_awvalid <= reg_write_reg;
        csr_wvalid <= reg_write_reg;
      end
    end
  end

`ifdef WAVES
  logic [VECTORS-1:0] vectors_reg;

  always_ff @(posedge clk) vectors_reg <= vectors;

  assign active = rst || vectors != vectors_reg || reg_write_reg || reg_read_reg || csr_rvalid || csr_bvalid
      || mem_arvalid && mem_arready || mem_awvalid && mem_awready || mem_wvalid && mem_wready
      || mem_rvalid && mem_rready || mem_bvalid && mem_bready;
`else
  assign active = 1'b1;
`endif

  // -------------------------------------------------------------------- AXI conformance: what is offered is kept

  logic held_ar_reg, held_aw_reg, held_w_reg;
  logic [73:0] ar_reg, aw_reg;
  logic [DATA_WIDTH+BYTES:0] w_reg;
  wire [73:0] ar = {1'b0, mem_arid, mem_araddr, mem_arlen};
  wire [73:0] aw = {1'b0, mem_awid, mem_awaddr, mem_awlen};
  wire [DATA_WIDTH+BYTES:0] w = {mem_wlast, mem_wstrb, mem_wdata};

  always_ff @(posedge clk) begin
    held_ar_reg <= !rst && mem_arvalid && !mem_arready;
    held_aw_reg <= !rst && mem_awvalid && !mem_awready;
    held_w_reg <= !rst && mem_wvalid && !mem_wready;
    ar_reg <= ar;
    aw_reg <= aw;
    w_reg <= w;
    if (held_ar_reg && (!mem_arvalid || ar != ar_reg)) host_violation("AR changed before it was taken");
    if (held_aw_reg && (!mem_awvalid || aw != aw_reg)) host_violation("AW changed before it was taken");
    if (held_w_reg && (!mem_wvalid || w != w_reg)) host_violation("W changed before it was taken");
  end

endmodule
