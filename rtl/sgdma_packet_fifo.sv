// Large FIFO in block memory whose writes become visible only when committed, and can be taken back until then.
//
//   write side: in_valid pushes a word; `commit` makes everything pushed so far (this cycle's word included) visible;
//               `rollback` forgets everything since the last commit (this cycle's word included).
//   read side : first word falls through, from a register, two cycles after its commit.
//
// `free` counts the places left for the writer, uncommitted words taken off. The writer looks at it before it pushes.

module sgdma_packet_fifo #(
    parameter int WIDTH = 64,
    parameter int DEPTH = 512,
    localparam int PTR = $clog2(DEPTH)
) (
    input  logic             clk,
    input  logic             rst,

    input  logic             in_valid,
    input  logic [WIDTH-1:0] in_data,
    input  logic             commit,
    input  logic             rollback,
    output logic [PTR:0]     free,

    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);

  if ((1 << PTR) != DEPTH) begin : g_bad_depth
    $error("sgdma_packet_fifo: DEPTH = %0d must be a power of two", DEPTH);
  end

  logic [WIDTH-1:0] memory [DEPTH];
  logic [PTR:0] wr_reg, commit_reg, rd_reg, free_reg;
  logic valid_reg;
  logic [WIDTH-1:0] data_reg;

  wire [PTR:0] wr_next = wr_reg + (PTR + 1)'(in_valid);
  wire load = rd_reg != commit_reg && (!valid_reg || out_ready);

  assign out_valid = valid_reg;
  assign out_data  = data_reg;
  assign free      = free_reg;

  always_ff @(posedge clk) begin
    if (in_valid) memory[wr_reg[PTR-1:0]] <= in_data;
  end

  always_ff @(posedge clk) begin
    if (load) data_reg <= memory[rd_reg[PTR-1:0]];
  end

  // A word in the output register still counts as occupied place: one place lost, one comparator saved.
  always_ff @(posedge clk) begin
    if (rst) begin
      wr_reg <= '0;
      commit_reg <= '0;
      rd_reg <= '0;
      valid_reg <= 1'b0;
      free_reg <= (PTR + 1)'(DEPTH);
    end else begin
      wr_reg <= rollback ? commit_reg : wr_next;
      if (commit) commit_reg <= wr_next;
      if (load) rd_reg <= rd_reg + 1'b1;
      valid_reg <= load || (valid_reg && !out_ready);
      free_reg <= (PTR + 1)'(DEPTH) - ((rollback ? commit_reg : wr_next) - rd_reg);
    end
  end

endmodule
