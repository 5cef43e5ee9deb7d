// Completions that the host has not taken, as events move them: a record is written, a doorbell takes some or arms the vector.
//
// One queue is reckoned with a cycle, that of a record first: chosen in one cycle, looked up in the next, so that the tables are
// asked from a register. What the vector's logic hears of a doorbell, it hears with its number.

module sgdma_unread #(
    parameter int QUEUES = 4,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int CQ = sgdma_pkg::CQ_PTR
) (
    input  logic              clk,
    input  logic              rst,

    input  logic [QUEUES-1:0] restart,
    input  logic [QUEUES-1:0] begun,          // STARTed since reset
    input  logic              written,        // a record
    input  logic [QW-1:0]     written_queue,
    input  logic              rung,           // the completion ring's doorbell
    input  logic [QW-1:0]     rung_queue,
    input  logic              rung_arm,

    output logic [QW-1:0]     look_queue,     // the one that is reckoned with, and whether for a record of it
    output logic              look_record,
    input  logic [CQ-1:0]     look_written,
    input  logic [CQ-1:0]     look_cq_head,

    output logic [CQ-1:0]     unread,         // less one and signed, of a queue where they changed
    output logic [QW-1:0]     unread_queue,
    output logic [QUEUES-1:0] arm             // the vector: `unread` is of it and knows of the doorbell in the next cycle
);

  logic [QUEUES-1:0] stale_reg, arming_reg;        // a doorbell is still to be reckoned with; it arms the vector
  logic [QW-1:0] next_queue;

  // One carry for the record that is written and for the difference, which is one short. The host may be ahead of the response.
  wire [CQ:0] distance = {look_written, look_record} - {look_cq_head, 1'b1};
  wire unused = distance[0];

  always_comb begin
    next_queue = written_queue;
    if (!written) begin
      next_queue = '0;
      for (int q = QUEUES - 1; q >= 0; q--) if (stale_reg[q]) next_queue = QW'(q);
    end
    for (int q = 0; q < QUEUES; q++) arm[q] = arming_reg[q] && 32'(look_queue) == q;
  end

  always_ff @(posedge clk) begin
    for (int q = 0; q < QUEUES; q++) begin
      if (rst || restart[q]) begin
        stale_reg[q] <= 1'b0;
        arming_reg[q] <= 1'b0;
      end else begin
        if (rung && 32'(rung_queue) == q) begin
          stale_reg[q] <= 1'b1;
          arming_reg[q] <= rung_arm || (arming_reg[q] && !arm[q]);
        end else if (32'(look_queue) == q) begin
          stale_reg[q] <= 1'b0;
          arming_reg[q] <= 1'b0;
        end
      end
    end
    look_record <= written && !rst;
    look_queue <= next_queue;
    unread_queue <= look_queue;
    unread <= begun[look_queue] ? distance[CQ:1] : '1;
  end

endmodule
