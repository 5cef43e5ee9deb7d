// What the modules of the PCIe bridge share: a packet to be sent, words of its header, the byte order of data.

package sgdma_tlp_pkg;

  // A packet to send: `count` dwords of `head`, then `words` dwords of the write buffer from dword `place` on.
  typedef struct packed {
    logic [4:0][31:0] head;
    logic [2:0]       count;
    logic [8:0]       words;
    logic [11:0]      place;
  } packet_t;

  typedef enum logic [4:0] {
    TYPE_MEMORY     = 5'b00000,
    TYPE_MESSAGE    = 5'b10000,                   // the upper two bits; the others route it
    TYPE_COMPLETION = 5'b01010
  } kind_t;

  typedef enum logic [2:0] {
    STATUS_SUCCESS     = 3'b000,
    STATUS_UNSUPPORTED = 3'b001,
    STATUS_ABORT       = 3'b100
  } status_t;

  localparam logic [1:0] OKAY = 2'b00, SLVERR = 2'b10, DECERR = 2'b11;

  // First dword of a header: no traffic class, no digest, not poisoned, strong order.
  function automatic logic [31:0] first_dword(input logic data, input logic wide, input logic [4:0] kind,
                                              input logic [9:0] words);
    return {1'b0, data, wide, kind, 14'd0, words};
  endfunction

  // A memory request's header in dwords 0 to 3; three of them below 4 GiB, as the specification wants.
  function automatic logic [4:0][31:0] memory_head(input logic write, input logic [63:2] address, input logic [9:0] words,
                                                   input logic [31:0] second);
    logic wide;
    wide = |address[63:32];
    memory_head = '0;
    memory_head[0] = first_dword(write, wide, TYPE_MEMORY, words);
    memory_head[1] = second;
    memory_head[2] = wide ? address[63:32] : {address[31:2], 2'b00};
    memory_head[3] = {address[31:2], 2'b00};
  endfunction

  // Data travels with its first byte in the uppermost eight bits of a dword.
  function automatic logic [31:0] swapped(input logic [31:0] dword);
    return {dword[7:0], dword[15:8], dword[23:16], dword[31:24]};
  endfunction

endpackage
