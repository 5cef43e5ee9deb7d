// CRC32C (polynomial 0x1EDC6F41, reflected) of the packets of a stream, one word a cycle: one XOR matrix for all lengths.
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

  localparam int LB = $clog2(BYTES);

  // Which bits of a word one bit of the checksum behind it adds up, from an empty state: a row of a matrix over GF(2).
  function automatic logic [DATA_WIDTH-1:0] row(input logic [4:0] place);
    logic [31:0] crc;
    crc = POLYNOMIAL;                              // what the last bit of a word contributes; each earlier one a step more
    for (int i = DATA_WIDTH - 1; i >= 0; i--) begin
      row[i] = crc[place];
      crc = crc[0] ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    end
  endfunction

  logic valid_reg, last_reg;
  logic [DATA_WIDTH-1:0] data_reg;
  logic [LB-1:0] missing_reg, missing;             // bytes that the last word lacks
  logic [31:0] crc_reg, crc_next;

  always_comb begin
    missing = '0;
    for (int i = 0; i < BYTES; i++) if (!in_keep[i]) missing = missing + 1'b1;
  end

  always_ff @(posedge clk) begin
    valid_reg <= in_valid && !rst;
    data_reg <= in_data;
    missing_reg <= missing;
    last_reg <= in_last;
  end

  // Zeros in front of a message change nothing while the state is empty. So a short word moves to the end of the word, the
  // state is added to its first bytes, and what of the state lies beyond them only moves on.
  wire [DATA_WIDTH-1:0] mixed = data_reg ^ DATA_WIDTH'(crc_reg);
  wire [DATA_WIDTH-1:0] message = mixed << {missing_reg, 3'b0};
  wire [LB:0] count = (LB + 1)'(BYTES) - {1'b0, missing_reg};

  wire [31:0] kept = count < (LB + 1)'(4) ? crc_reg >> {count[1:0], 3'b0} : 32'd0;

  for (genvar j = 0; j < 32; j++) begin : g_bit
    localparam logic [DATA_WIDTH-1:0] ROW = row(5'(j));
    assign crc_next[j] = kept[j] ^ ^(message & ROW);
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
