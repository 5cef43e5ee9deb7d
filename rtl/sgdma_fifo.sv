// Small synchronous FIFO in distributed memory: first word falls through, one cycle from write to valid.
//
// Writing while full or reading while empty is the caller's mistake and is ignored here. What it says of itself are registers, so
// that nobody's decision waits for a comparison.

module sgdma_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 16,
    parameter bit ROOMY = 0,                         // never full: who writes has counted
    localparam int PTR = $clog2(DEPTH)
) (
    input  logic             clk,
    input  logic             rst,

    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,

    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data,
    output logic [PTR:0]     level
);

  if (DEPTH < 2 || (1 << PTR) != DEPTH) begin : g_bad_depth
    $error("sgdma_fifo: DEPTH = %0d must be a power of two of at least 2", DEPTH);
  end

  logic [WIDTH-1:0] memory [DEPTH];
  logic [PTR-1:0] wr_reg, rd_reg;
  logic ready_reg, valid_reg;

  wire push = in_valid && ready_reg;
  wire pop  = valid_reg && out_ready;
  wire [PTR-1:0] wr_next = after(wr_reg);
  wire [PTR-1:0] rd_next = after(rd_reg);

  // Four places are gone round in Gray code: no logic counts them.
  function automatic logic [PTR-1:0] after(input logic [PTR-1:0] place);
    after = PTR == 2 ? PTR'({place[0], ~place[PTR-1]}) : place + 1'b1;
  endfunction

  function automatic logic [PTR-1:0] number(input logic [PTR-1:0] place);
    number = PTR == 2 ? PTR'({place[PTR-1], ^place}) : place;
  endfunction

  assign level     = {!ready_reg, number(wr_reg) - number(rd_reg)};
  assign in_ready  = ready_reg;
  assign out_valid = valid_reg;
  assign out_data  = memory[rd_reg];

  // A free place is written all the time, what is pushed is kept: so no cell of the memory waits for the decision.
  always_ff @(posedge clk) begin
    if (ready_reg) memory[wr_reg] <= in_data;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      wr_reg <= '0;
      rd_reg <= '0;
      ready_reg <= 1'b1;
      valid_reg <= 1'b0;
    end else begin
      if (push) wr_reg <= wr_next;
      if (pop) rd_reg <= rd_next;
      ready_reg <= ROOMY || pop || (ready_reg && !(push && wr_next == rd_reg));
      valid_reg <= push || (valid_reg && !(pop && rd_next == wr_reg));
    end
  end

endmodule
