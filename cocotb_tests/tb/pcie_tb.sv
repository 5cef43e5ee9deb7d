// Bench of the PCIe build: reset and, at the PHY's streams of TLPs, the root complex (root_complex.cpp) behind DPI-C.
//
// All conversation with Python goes through one shared control block; Python waits for `wake` only. main.cpp drives the clock.

`timescale 1ns / 1ps

module pcie_tb #(
    parameter int DATA_WIDTH = 64
) (
    input  logic clk,
    output logic wake /*verilator public_flat_rd*/, // toggles when Python is to look
    output logic active // something moves in this cycle: what bounded waves keep (waves.h)
);

  localparam int BYTES = DATA_WIDTH / 8;

  import "DPI-C" context function void rc_open(input int beat_bytes);
  import "DPI-C" context function void rc_take(input bit [DATA_WIDTH-1:0] data, input bit [BYTES-1:0] enables,
                                               input bit first, input bit last);
  import "DPI-C" context function void rc_step(
      input  bit rx_free, output bit tx_ready, output bit rx_new, output bit rx_last, output bit woken, output bit reset,
      output int max_payload, output int max_request);
  import "DPI-C" context function void rc_give(output bit [DATA_WIDTH-1:0] data);
  import "DPI-C" context function void rc_violation(input string text);

  logic rst = 1'b1;
  logic [3:0] reset_reg = 4'd15;
  bit reset_wanted;

  initial begin
    wake = 1'b0;
    rc_open(BYTES);
  end

  always_ff @(posedge clk) begin
    if (!rst && reset_wanted) reset_reg <= 4'd15;
    else if (reset_reg != 4'd0) reset_reg <= reset_reg - 4'd1;
    rst <= reset_reg != 4'd0;
  end

  // ------------------------------------------------------------------------------------------------- device

  logic tx_valid, tx_ready, tx_first, tx_last, rx_valid, rx_ready, rx_first, rx_last;
  logic [DATA_WIDTH-1:0] tx_dat, rx_dat;
  logic [BYTES-1:0] tx_be;
  logic [15:0] max_payload, max_request;

  sgdma_pcie dut (
      .clk(clk), .rst(rst), .function_id(16'h0100), .max_payload(max_payload), .max_request(max_request),
      .msix_enable(1'b1),
      .tx_valid(tx_valid), .tx_ready(tx_ready), .tx_first(tx_first), .tx_last(tx_last), .tx_dat(tx_dat), .tx_be(tx_be),
      .rx_valid(rx_valid), .rx_ready(rx_ready), .rx_first(rx_first), .rx_last(rx_last), .rx_dat(rx_dat),
      .rx_be({BYTES{1'b1}}));

  // -------------------------------------------------------------------------------------------- one step a cycle

  bit ready, rx_new, last, woken;
  int payload_most, request_most;
  bit [DATA_WIDTH-1:0] data;

  always_ff @(posedge clk) begin
    if (!rst) begin
      if (tx_valid && tx_ready) rc_take(tx_dat, tx_be, tx_first, tx_last);
      rc_step(!rx_valid || rx_ready, ready, rx_new, last, woken, reset_wanted, payload_most, request_most);
      max_payload <= payload_most[15:0];
      max_request <= request_most[15:0];
      tx_ready <= ready;
      if (!rx_valid || rx_ready) begin
        rx_valid <= rx_new;
        rx_last <= last;
        rx_first <= !rx_valid ? rx_first || rx_last : rx_last;
        // Scrambled while not valid: data taken too early or too late shows.
        if (rx_new) begin
          rc_give(data);
          rx_dat <= data;
        end else rx_dat <= ~rx_dat;
      end
      if (woken) wake <= !wake;
    end else begin
      tx_ready <= 1'b0;
      rx_valid <= 1'b0;
      rx_last <= 1'b0;
      rx_first <= 1'b0;
      rx_dat <= '0;
    end
  end

`ifdef WAVES
  assign active = rst || tx_valid && tx_ready || rx_valid && rx_ready;
`else
  assign active = 1'b1;
`endif

  // ------------------------------------------------------------------------------- what is offered is kept

  logic held_reg;
  logic [DATA_WIDTH+BYTES+1:0] offer_reg;
  wire [DATA_WIDTH+BYTES+1:0] offer = {tx_first, tx_last, tx_be, tx_dat};

  always_ff @(posedge clk) begin
    held_reg <= !rst && tx_valid && !tx_ready;
    offer_reg <= offer;
    if (held_reg && !rst && (!tx_valid || offer != offer_reg)) rc_violation("TX changed before it was taken");
  end

endmodule
