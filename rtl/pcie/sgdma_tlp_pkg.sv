// What the modules of the PCIe bridge share: a packet to be sent, words of its header, the byte order of data.

package sgdma_tlp_pkg;

  // A packet to send: `count` dwords of `head`, the first in its lowest bits, then `words` dwords of the write buffer from dword
  // `place` on.
  typedef struct packed {
    logic [159:0] head;
    logic [2:0]   count;
    logic [8:0]   words;
    logic [11:0]  place;
  } packet_t;

  localparam logic [4:0] TYPE_MEMORY = 5'b00000, TYPE_COMPLETION = 5'b01010;
  localparam logic [1:0] GROUP_MESSAGE = 2'b10;    // upper two bits of the type; the others route it
  localparam logic [3:0] GROUP_COMPLETION = 4'b0101;  // upper four bits, locked or not

  localparam logic [2:0] STATUS_SUCCESS = 3'b000, STATUS_UNSUPPORTED = 3'b001;
  localparam logic [1:0] OKAY = 2'b00, SLVERR = 2'b10, DECERR = 2'b11;

  // First dword of a header: no traffic class, no digest, not poisoned, strong order.
  function automatic logic [31:0] first_dword(input logic data, input logic wide, input logic [4:0] kind,
                                              input logic [9:0] words);
    first_dword = {1'b0, data, wide, kind, 14'd0, words};
  endfunction

  // A memory request's header, three dwords of it below 4 GiB, as the specification wants; `data` follows it.
  function automatic logic [159:0] memory_head(input logic write, input logic [63:2] address, input logic [9:0] words,
                                               input logic [31:0] second, input logic [31:0] data);
    memory_head = |address[63:32]
        ? {data, address[31:2], 2'b00, address[63:32], second, first_dword(write, 1'b1, TYPE_MEMORY, words)}
        : {32'd0, data, address[31:2], 2'b00, second, first_dword(write, 1'b0, TYPE_MEMORY, words)};
  endfunction

  // Data travels with its first byte in the uppermost eight bits of a dword.
  function automatic logic [31:0] swapped(input logic [31:0] dword);
    swapped = {dword[7:0], dword[15:8], dword[23:16], dword[31:24]};
  endfunction

endpackage
