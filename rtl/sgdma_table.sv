// One value a queue, in distributed memory: any number of readers, one writer, and a clear of one queue's value.
//
// With APART a clear and a write may come in the same cycle, of different queues: then cleared values are told by a flag a queue,
// since the memory has one write port. Without it a queue's value means nothing until it is first cleared or written. With one
// queue it is a register. The attribute is for yosys, which prefers registers where addresses of two readers are some.

module sgdma_table #(
    parameter int WIDTH = 16,
    parameter int QUEUES = 4,
    parameter int READS = 1,
    parameter bit APART = 0,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1
) (
    input  logic                        clk,
    input  logic                        rst,          // clears all

    input  logic                        clear,
    input  logic [QW-1:0]               clear_queue,
    input  logic                        write,
    input  logic [QW-1:0]               write_queue,
    input  logic [WIDTH-1:0]            write_data,
    input  logic [READS-1:0][QW-1:0]    read_queue,
    output logic [READS-1:0][WIDTH-1:0] read_data
);

  if (QUEUES == 1) begin : g_register
    logic [WIDTH-1:0] value_reg;
    always_ff @(posedge clk) begin
      if (rst || clear) value_reg <= '0;
      else if (write) value_reg <= write_data;
    end
    assign read_data = {READS{value_reg}};
    wire unused = &{1'b0, clear_queue, write_queue, read_queue};
  end else if (!APART) begin : g_memory
    (* ram_style = "distributed" *) logic [WIDTH-1:0] memory [QUEUES];
    always_ff @(posedge clk) begin
      if (clear || write) memory[clear ? clear_queue : write_queue] <= write_data & {WIDTH{!clear}};
    end
    for (genvar r = 0; r < READS; r++) begin : g_read
      assign read_data[r] = memory[read_queue[r]];
    end
    wire unused = rst;
  end else begin : g_flagged
    (* ram_style = "distributed" *) logic [WIDTH-1:0] memory [QUEUES];
    logic [QUEUES-1:0] known_reg;
    always_ff @(posedge clk) if (write) memory[write_queue] <= write_data;
    always_ff @(posedge clk) begin
      if (rst) known_reg <= '0;
      else begin
        if (write) known_reg[write_queue] <= 1'b1;
        if (clear) known_reg[clear_queue] <= 1'b0;
      end
    end
    for (genvar r = 0; r < READS; r++) begin : g_read
      assign read_data[r] = memory[read_queue[r]] & {WIDTH{known_reg[read_queue[r]]}};
    end
  end

endmodule
