// Adds up the bursts of a request into its result: the first failing segment and the bytes good up to it.
//
// `status`, `segment` and `bytes` already include what is on show, taken or not: a handshake decides late, a sum takes long.

module sgdma_tally #(
    parameter int BB = 9
) (
    input  logic          clk,
    input  logic          rst,

    input  logic          take,                    // what is on show is a burst that is complete, or the end of a request
    input  logic [BB-1:0] burst_extent,            // its bytes less one
    input  logic          burst_bad,               // memory answered an error
    input  logic          segment_last,            // it ends its segment
    input  logic          abort,                   // no burst: the request is cut short
    input  logic          stream_bad,              // user logic or its packet was at fault
    input  logic          request_end,             // its last one

    output logic          bad,                     // a burst before this cycle's has failed
    output logic [7:0]    status,
    output logic [15:0]   segment,                 // means something with a bus error only
    output logic [31:0]   bytes
);

  logic bad_reg;
  logic [15:0] segment_reg;
  logic [31:0] bytes_reg;

  wire fails = !abort && burst_bad;
  wire good = !abort && !burst_bad && !bad_reg;

  // The carry into the lowest place adds the byte that the extent is short of.
  wire [32:0] sum = {bytes_reg, good} + {32'(burst_extent & {BB{good}}), good};

  wire now_bad = bad_reg || fails;

  assign bad = bad_reg;
  assign bytes = sum[32:1];
  assign status = now_bad    ? sgdma_pkg::STATUS_BUS_ERROR
                : stream_bad ? sgdma_pkg::STATUS_STREAM_ERROR
                : abort      ? sgdma_pkg::STATUS_ABORTED
                :              sgdma_pkg::STATUS_OK;
  assign segment = segment_reg;

  always_ff @(posedge clk) begin
    if (rst || (take && request_end)) begin
      bad_reg <= 1'b0;
      segment_reg <= 16'd0;
      bytes_reg <= 32'd0;
    end else if (take) begin
      bad_reg <= now_bad;
      bytes_reg <= bytes;
      if (good && segment_last) segment_reg <= segment_reg + 16'd1;
    end
  end

  wire unused = sum[0];

endmodule
