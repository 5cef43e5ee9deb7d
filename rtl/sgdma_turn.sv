// Whose turn it is to be checked: the next queue, round robin, of those that have slots and may begin or skip something.
//
// A queue without slots and one without places in its completion ring are passed over until an event says that there may be some.
// Where there are several queues the next one is a register: slots are read by it. If nobody waits it is found while its slots
// arrive. A turn that comes to nothing does no harm.

module sgdma_turn #(
    parameter int QUEUES = 4,
    parameter int PREFETCH = 256,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int FILL = $clog2(PREFETCH) + 1
) (
    input  logic              clk,
    input  logic              rst,

    input  logic [QUEUES-1:0] accepting,
    input  logic [QUEUES-1:0] fetching,
    input  logic [QUEUES-1:0] bad,
    input  logic [QUEUES-1:0] restart,
    input  logic [QUEUES-1:0] skipping,       // a refused request's segments are left to be passed over
    input  logic              arrival,        // slots of a queue have been fetched
    input  logic [QW-1:0]     arrival_queue,
    input  logic [FILL-1:0]   filled,         // of this queue, the first slot not yet there, low bits; its head
    input  logic [QW-1:0]     filled_queue,
    input  logic [SQ-1:0]     head,
    input  logic              hold,           // a queue is restarted: none has its turn next
    input  logic              picking,        // no queue has its turn
    input  logic              block,          // the completion ring of `queue` is full
    input  logic              retry,          // places may have become free

    input  logic [QW-1:0]     queue,          // whose turn it is or was
    output logic [QW-1:0]     pick,           // the next one
    output logic              pick_valid,
    output logic              others,         // another one waits, a cycle late
    output logic [QUEUES-1:0] blocked
);

  logic [QUEUES-1:0] able, candidate, arrives;
  logic [QUEUES-1:0] some_reg;                      // slots have been fetched and perhaps not yet been consumed
  logic [QUEUES-1:0] blocked_reg;
  logic none_reg;                                   // of `queue`, a cycle late

  always_comb begin
    for (int q = 0; q < QUEUES; q++) begin
      arrives[q] = arrival && 32'(arrival_queue) == q;
      able[q] = ((accepting[q] && !blocked_reg[q]) || (skipping[q] && fetching[q])) && !bad[q];
      candidate[q] = able[q] && some_reg[q];
    end
  end

  if (QUEUES > 1) begin : g_ahead
    logic [QW-1:0] next, next_reg;
    logic next_valid_reg;
    wire first = arrival && able[arrival_queue];
    always_comb begin
      next = first ? arrival_queue : queue;
      for (int i = QUEUES; i > 0; i--) if (candidate[(32'(queue) + i) % QUEUES]) next = QW'((32'(queue) + i) % QUEUES);
    end
    always_ff @(posedge clk) begin
      next_reg <= next;
      next_valid_reg <= (|candidate || first) && !rst;
    end
    assign pick = next_reg;
    assign pick_valid = next_valid_reg && !(none_reg && next_reg == queue) && !hold;
  end else begin : g_only
    assign pick = '0;
    assign pick_valid = candidate[0] && !none_reg;
    wire unused = &{1'b0, hold, queue};
  end

  assign blocked = blocked_reg;

  always_ff @(posedge clk) begin
    others <= |(candidate & ~(QUEUES'(1) << queue));
    none_reg <= filled == FILL'(head) && !(arrival && arrival_queue == filled_queue);
    if (rst) begin
      some_reg <= '0;
      blocked_reg <= '0;
    end else begin
      for (int q = 0; q < QUEUES; q++) begin
        if (arrives[q]) some_reg[q] <= 1'b1;
        else if (restart[q] || (picking && none_reg && 32'(queue) == q)) some_reg[q] <= 1'b0;
      end
      if (retry) blocked_reg <= '0;
      else if (block) blocked_reg[queue] <= 1'b1;
    end
  end

  wire unused = &{1'b0, head};

endmodule
