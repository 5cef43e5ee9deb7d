// Large FIFO in block memory whose writes become visible only when committed, and can be taken back until then.
//
//   write side: in_valid pushes a word; `commit` makes everything pushed so far (this cycle's word included) visible;
//               `rollback` forgets everything since the last commit (this cycle's word included). With PLAIN every word is
//               visible at once, and the two are not looked at. A commit without a word pushed shows a cycle later.
//   read side : first word falls through, three cycles after its commit: block memories are slow to read, so their output
//               has a register of its own behind it. With FAR there are two, so that one may lie beside the memory and the other
//               where the word is used; then it takes four cycles.
//
// `free` counts the places left for the writer, uncommitted words taken off. It may be late: words pushed in the two cycles before
// are perhaps not counted yet, so who pushes every cycle asks for three.

module sgdma_packet_fifo #(
    parameter int WIDTH = 64,
    parameter int DEPTH = 512,
    parameter bit PLAIN = 0,
    parameter bit SLOW = 0,                        // a word every other cycle is enough: nothing waits for `out_ready`
    parameter bit FAR = 0,
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

  // What is read was committed, so no word is read in the cycle that writes it: a block memory may answer it anyhow.
  (* no_rw_check *) logic [WIDTH-1:0] memory [DEPTH];
  logic [PTR:0] free_reg;
  logic [PTR-1:0] write_place, read_place;
  logic some, read_valid_reg, valid_reg;
  logic [WIDTH-1:0] read_reg, data_reg;

  logic show;                                      // what was read goes on
  wire load = some && (!read_valid_reg || (show && !SLOW));

  assign out_valid = valid_reg;
  assign out_data  = data_reg;
  assign free      = free_reg;

  always_ff @(posedge clk) begin
    if (in_valid) memory[write_place] <= in_data;
  end

  always_ff @(posedge clk) begin
    if (load) read_reg <= memory[read_place];
  end

  always_ff @(posedge clk) read_valid_reg <= !rst && (load || (read_valid_reg && !show));

  if (FAR) begin : g_far
    logic near_valid_reg;
    logic [WIDTH-1:0] near_reg;
    wire move = near_valid_reg && (!valid_reg || out_ready);
    assign show = read_valid_reg && !near_valid_reg;
    always_ff @(posedge clk) begin
      near_valid_reg <= !rst && (show || (near_valid_reg && !move));
      valid_reg <= !rst && (move || (valid_reg && !out_ready));
      if (!near_valid_reg) near_reg <= read_reg;
      if (move) data_reg <= near_reg;
    end
  end else begin : g_near
    assign show = read_valid_reg && (!valid_reg || out_ready);
    always_ff @(posedge clk) begin
      valid_reg <= !rst && (show || (valid_reg && !out_ready));
      if (show) data_reg <= read_reg;
    end
  end

  if (FAR && !SLOW) begin : g_bad_pace
    $error("sgdma_packet_fifo: FAR = 1 needs SLOW = 1");
  end

  // Words in the output registers no longer occupy a place.
  if (PLAIN) begin : g_plain
    logic [PTR-1:0] wr_reg, rd_reg;
    assign write_place = wr_reg;
    assign read_place = rd_reg;
    always_ff @(posedge clk) begin
      if (rst) wr_reg <= '0;
      else if (in_valid) wr_reg <= wr_reg + 1'b1;
    end

    if (SLOW) begin : g_counted
      // All places are free when the highest bit says so: then nothing is to be read.
      assign some = !free_reg[PTR];
      always_ff @(posedge clk) begin
        if (rst) begin
          rd_reg <= '0;
          free_reg <= (PTR + 1)'(DEPTH);
        end else begin
          if (load) rd_reg <= rd_reg + 1'b1;
          if (in_valid != load) free_reg <= free_reg + {{PTR{in_valid}}, 1'b1};
        end
      end
    end else begin : g_compared
      // `load` comes late: what it selects is compared already, and places are counted a cycle later.
      logic [PTR-1:0] next_reg;                                    // behind the one to be read
      logic some_reg, in_reg, load_reg;
      assign some = some_reg;
      always_ff @(posedge clk) begin
        if (rst) begin
          rd_reg <= '0;
          next_reg <= PTR'(1);
          some_reg <= 1'b0;
          in_reg <= 1'b0;
          load_reg <= 1'b0;
          free_reg <= (PTR + 1)'(DEPTH);
        end else begin
          if (load) begin
            rd_reg <= next_reg;
            next_reg <= next_reg + 1'b1;
          end
          some_reg <= in_valid || (some_reg && !(load && next_reg == wr_reg));
          in_reg <= in_valid;
          load_reg <= load;
          if (in_reg != load_reg) free_reg <= free_reg + {{PTR{in_reg}}, 1'b1};
        end
      end
    end
    wire unused = &{1'b0, commit, rollback};
  end else begin : g_commit
    logic [PTR:0] wr_reg, commit_reg, rd_reg, next_reg;            // next: behind the one to be read
    logic some_reg;
    wire [PTR:0] wr_up = wr_reg + 1'b1;                            // where words come fast they come late
    wire [PTR:0] wr_next = SLOW ? wr_reg + (PTR + 1)'(in_valid) : in_valid ? wr_up : wr_reg;
    // `load` may come late: what it selects is compared already.
    wire behind = rd_reg != commit_reg;
    wire behind_next = next_reg != commit_reg;
    assign write_place = wr_reg[PTR-1:0];
    assign read_place = rd_reg[PTR-1:0];
    assign some = some_reg;
    always_ff @(posedge clk) begin
      if (rst) begin
        wr_reg <= '0;
        commit_reg <= '0;
        rd_reg <= '0;
        next_reg <= (PTR + 1)'(1);
        some_reg <= 1'b0;
        free_reg <= (PTR + 1)'(DEPTH);
      end else begin
        wr_reg <= rollback ? commit_reg : wr_next;
        if (commit) commit_reg <= wr_next;
        if (load) begin
          rd_reg <= next_reg;
          next_reg <= next_reg + 1'b1;
        end
        some_reg <= (in_valid && commit && !rollback) || (load ? behind_next : behind);
        free_reg <= {~rd_reg[PTR], rd_reg[PTR-1:0]} - wr_reg;      // the inverted bit adds DEPTH
      end
    end
  end

endmodule
