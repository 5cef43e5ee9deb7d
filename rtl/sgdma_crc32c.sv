// CRC32C (polynomial 0x1EDC6F41, reflected) of the packets of a stream, one word a cycle.
//
// The checksum of a packet stands at the output two cycles after its last word; up to four may wait there.

module sgdma_crc32c #(
    parameter int DATA_WIDTH = 64,
    localparam int BYTES = DATA_WIDTH / 8
) (
    input  logic                  clk,
    input  logic                  rst,

    input  logic                  in_valid,
    input  logic [DATA_WIDTH-1:0] in_data,
    input  logic [BYTES-1:0]      in_keep,         // contiguous from byte 0
    input  logic                  in_last,

    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [31:0]           out_crc
);

  localparam logic [31:0] POLYNOMIAL = 32'h82f63b78;

  function automatic logic [31:0] add_byte(input logic [31:0] crc, input logic [7:0] data);
    add_byte = crc ^ {24'd0, data};
    for (int i = 0; i < 8; i++) add_byte = add_byte[0] ? (add_byte >> 1) ^ POLYNOMIAL : add_byte >> 1;
  endfunction

  logic valid_reg, last_reg;
  logic [DATA_WIDTH-1:0] data_reg;
  logic [BYTES-1:0] keep_reg;
  logic [31:0] crc_reg, crc_next;

  always_ff @(posedge clk) begin
    valid_reg <= in_valid && !rst;
    data_reg <= in_data;
    keep_reg <= in_keep;
    last_reg <= in_last;
  end

  always_comb begin
    crc_next = crc_reg;
    for (int i = 0; i < BYTES; i++) if (keep_reg[i]) crc_next = add_byte(crc_next, data_reg[8*i +: 8]);
  end

  always_ff @(posedge clk) begin
    if (rst) crc_reg <= 32'hffffffff;
    else if (valid_reg) crc_reg <= last_reg ? 32'hffffffff : crc_next;
  end

  sgdma_fifo #(.WIDTH(32), .DEPTH(4)) results (
      .clk(clk), .rst(rst),
      .in_valid(valid_reg && last_reg), .in_ready(), .in_data(~crc_next),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_crc), .level());

endmodule
