// Adds up the bursts of a request into its result: the first failing segment and the bytes good up to it.
//
// `status`, `segment` and `bytes` already include what is on show, taken or not: a handshake decides late, a sum takes long. So may
// an error: with LATE the sum is only selected by it. With UNIT bytes are counted in multiples of 2**UNIT.

module sgdma_tally #(
    parameter int BB = 9,
    parameter int UNIT = 0,
    parameter bit LATE = 0
) (
    input  logic          clk,
    input  logic          rst,

    input  logic          beat,                    // a part of what is on show passes; `take` implies it
    input  logic          take,                    // what is on show is a burst that is complete, or the end of a request
    input  logic [BB-1:0] burst_extent,            // its bytes less one
    input  logic          burst_bad,               // memory answered this part of it with an error
    input  logic          segment_last,            // it ends its segment
    input  logic          abort,                   // no burst: the request is cut short
    input  logic          stream_bad,              // user logic or its packet was at fault
    input  logic          request_end,             // its last one

    output logic          bad,                     // something before this cycle's has failed
    output logic [2:0]    status,                  // low bits: what is told here needs no more
    output logic [15:0]   segment,                 // means something with a bus error only
    output logic [31:0]   bytes
);

  logic bad_reg;
  logic [15:0] segment_reg;
  logic [31-UNIT:0] count_reg;

  wire fails = !abort && burst_bad;
  wire good = !abort && !burst_bad && !bad_reg;

  // The carry into the lowest place adds what the extent is short of.
  wire counts = LATE || good;
  wire [32-UNIT:0] sum = {count_reg, 1'b1} + {(32 - UNIT)'(burst_extent >> UNIT) & {32 - UNIT{counts}}, counts};
  wire [31-UNIT:0] count = LATE && !good ? count_reg : sum[32-UNIT:1];

  wire now_bad = bad_reg || fails;

  assign bad = bad_reg;
  assign bytes = 32'(count) << UNIT;
  assign status = now_bad    ? sgdma_pkg::STATUS_BUS_ERROR[2:0]
                : stream_bad ? sgdma_pkg::STATUS_STREAM_ERROR[2:0]
                : abort      ? sgdma_pkg::STATUS_ABORTED[2:0]
                :              sgdma_pkg::STATUS_OK[2:0];
  assign segment = segment_reg;

  always_ff @(posedge clk) begin
    if (rst || (take && request_end)) begin
      bad_reg <= 1'b0;
      segment_reg <= 16'd0;
      count_reg <= '0;
    end else begin
      if (beat) bad_reg <= now_bad;
      if (take) count_reg <= count;
      if (take && good && segment_last) segment_reg <= segment_reg + 16'd1;
    end
  end

  wire unused = &{1'b0, sum[0], burst_extent};

endmodule
