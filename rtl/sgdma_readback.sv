// What reads of registers give that only software writes, and of those that never change: one small memory.
//
// Registers themselves are outside (LiteX). A place that nobody writes keeps its part of CONTENT.

module sgdma_readback #(
    parameter logic [1023:0] CONTENT = '0            // 32 words, the first one lowest
) (
    input  logic        clk,

    input  logic [4:0]  address,
    input  logic        write,
    input  logic [31:0] write_data,
    output logic [31:0] read_data                    // at once
);

  logic [31:0] memory [32];

  initial begin
    for (int i = 0; i < 32; i++) memory[i] = CONTENT[32*i +: 32];
  end

  always_ff @(posedge clk) if (write) memory[address] <= write_data;

  assign read_data = memory[address];

endmodule
