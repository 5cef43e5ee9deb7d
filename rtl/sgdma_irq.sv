// Interrupt vectors, one per queue pair: moderation by count and time, armed by the host.
//
// The condition is a level over ring indices ("completions written that the host has not taken"), so what arrives between the
// host's last look and its arming fires at once. Firing disarms.
//
// Limits lie in distributed memory: a queue's count is compared when its number of completions has changed, its time is looked
// after in turn.

module sgdma_irq #(
    parameter int QUEUES = 4,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int CQ = sgdma_pkg::CQ_PTR
) (
    input  logic              clk,
    input  logic              rst,

    input  logic              start,               // latch the moderation below for this queue
    input  logic [QW-1:0]     start_queue,
    input  logic [7:0]        cfg_count,
    input  logic [15:0]       cfg_time,            // units of 16 cycles; 0 is no limit
    input  logic [QUEUES-1:0] arm,
    input  logic [CQ-1:0]     unread,              // of `unread_queue`, less one and signed; of another queue it is what it was
    input  logic [QW-1:0]     unread_queue,        // in the cycle after `arm` the one that is armed
    output logic [QUEUES-1:0] fire                 // one cycle
);

  // Turns come once in 16 cycles, or in as many as there are queues.
  localparam int TURN = QUEUES > 16 ? $clog2(QUEUES) : 4;
  localparam int STEP = 1 << (TURN - 4);

  logic [7:0] count_mem [QUEUES];                  // less one
  logic [15:0] time_mem [QUEUES];
  logic [15:0] left_mem [QUEUES];
  logic [QUEUES-1:0] armed_reg, some_reg, enough_reg, arm_reg, fire_reg;
  logic [QUEUES-1:0] timed_reg, expired_reg;       // the time runs, and has passed
  logic [TURN-1:0] turn_reg;
  wire [QW-1:0] turn = QUEUES > 1 ? turn_reg[QW-1:0] : '0;
  wire due = 32'(turn_reg) < QUEUES;
  wire [15:0] left = left_mem[turn];
  wire over = left <= 16'(STEP);

  always_ff @(posedge clk) begin
    if (start) begin
      count_mem[start_queue] <= cfg_count == 8'd0 ? 8'd0 : cfg_count - 8'd1;
      time_mem[start_queue] <= cfg_time;
    end
    if (due) left_mem[turn] <= timed_reg[turn] ? left - 16'(STEP) : time_mem[turn];
  end

  assign fire = fire_reg;

  // Of the queue whose number this is: what it is told counts at once.
  logic [QUEUES-1:0] some, enough;
  wire enough_now = unread >= CQ'(count_mem[unread_queue]);

  always_comb begin
    for (int q = 0; q < QUEUES; q++) begin
      some[q] = 32'(unread_queue) == q ? !unread[CQ-1] : some_reg[q];
      enough[q] = 32'(unread_queue) == q ? enough_now : enough_reg[q];
    end
  end

  always_ff @(posedge clk) begin
    turn_reg <= rst ? '0 : turn_reg + 1'b1;
    arm_reg <= rst ? '0 : arm;
    some_reg <= some;
    enough_reg <= enough;
    for (int q = 0; q < QUEUES; q++) begin
      if (rst || (start && 32'(start_queue) == q)) begin
        armed_reg[q] <= 1'b0;
        fire_reg[q] <= 1'b0;
      end else begin
        fire_reg[q] <= armed_reg[q] && some[q] && (enough[q] || expired_reg[q]) && !fire_reg[q] && !arm_reg[q];
        if (arm_reg[q]) armed_reg[q] <= 1'b1;
        else if (fire_reg[q]) armed_reg[q] <= 1'b0;
      end
      if (!armed_reg[q] || !some_reg[q] || fire_reg[q]) begin
        timed_reg[q] <= 1'b0;
        expired_reg[q] <= 1'b0;
      end else if (due && 32'(turn) == q) begin
        timed_reg[q] <= time_mem[turn] != 16'd0;
        expired_reg[q] <= expired_reg[q] || (timed_reg[q] && over);
      end
    end
  end

endmodule
