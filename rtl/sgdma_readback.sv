// What reads of registers give that only software writes, and of those that never change: one small memory.
//
// Registers themselves are outside (LiteX). A place that nobody writes keeps its part of CONTENT; those of software are zero
// behind a reset, when `clear` goes over them.

module sgdma_readback #(
    parameter logic [1023:0] CONTENT = '0,           // 32 words, the first one lowest
    parameter logic [31:0]   KEPT = '0               // places that software writes
) (
    input  logic        clk,

    input  logic [4:0]  address,
    input  logic        clear,
    input  logic        write,                       // to any of the places
    input  logic [31:0] write_data,
    output logic [31:0] read_data                    // at once; a write is seen two cycles later
);

  logic [31:0] memory [32];

  initial begin
    for (int i = 0; i < 32; i++) memory[i] = CONTENT[32*i +: 32];
  end

  // Written a cycle late: accesses are further apart, and block of addresses and place are decoded by then.
  logic write_reg;
  logic [4:0] address_reg;
  logic [31:0] data_reg;

  always_ff @(posedge clk) begin
    write_reg <= (write || clear) && KEPT[address];
    address_reg <= address;
    data_reg <= clear ? 32'd0 : write_data;
    if (write_reg) memory[address_reg] <= data_reg;
  end

  assign read_data = memory[address];

endmodule
