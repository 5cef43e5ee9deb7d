// Interrupt vectors, one per queue pair: moderation by count and time, armed by the host.
//
// The condition is a level over ring indices ("completions written that the host has not taken"), so what arrives between the
// host's last look and its arming fires at once. Firing disarms.

module sgdma_irq #(
    parameter int QUEUES = 4,
    localparam int CQ = sgdma_pkg::CQ_PTR
) (
    input  logic                      clk,
    input  logic                      rst,

    input  logic [QUEUES-1:0]         start,          // latch the moderation below
    input  logic [7:0]                cfg_count,
    input  logic [15:0]               cfg_time,       // units of 16 cycles; 0 is no limit
    input  logic [QUEUES-1:0]         arm,
    input  logic [QUEUES-1:0][CQ-1:0] unread,         // as of the cycle after `arm`
    output logic [QUEUES-1:0]         fire            // one cycle
);

  logic [3:0] prescale_reg;
  wire tick = prescale_reg == 4'd15;

  always_ff @(posedge clk) prescale_reg <= rst ? 4'd0 : prescale_reg + 4'd1;

  for (genvar q = 0; q < QUEUES; q++) begin : g_vector
    logic [7:0] count_reg;
    logic [15:0] time_reg, left_reg;
    logic armed_reg, some_reg, enough_reg, arm_reg, fire_reg;
    wire some = unread[q] != '0;
    wire expired = time_reg != 16'd0 && left_reg == 16'd0;

    assign fire[q] = fire_reg;

    always_ff @(posedge clk) begin
      if (start[q]) begin
        count_reg <= cfg_count == 8'd0 ? 8'd1 : cfg_count;
        time_reg <= cfg_time;
      end
      some_reg <= some;
      enough_reg <= unread[q] >= CQ'(count_reg);
      arm_reg <= arm[q];
      if (armed_reg == 1'b0 || !some_reg) left_reg <= time_reg;
      else if (tick && left_reg != 16'd0) left_reg <= left_reg - 16'd1;
      if (rst || start[q]) begin
        armed_reg <= 1'b0;
        fire_reg <= 1'b0;
      end else begin
        fire_reg <= armed_reg && some_reg && (enough_reg || expired) && !fire_reg && !arm_reg;
        if (arm_reg) armed_reg <= 1'b1;
        else if (fire_reg) armed_reg <= 1'b0;
      end
    end
  end

endmodule
