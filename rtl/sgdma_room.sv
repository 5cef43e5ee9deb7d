// Room for a request: places in the list buffers, and which queue has a claim to a direction that is short of it.

module sgdma_room #(
    parameter int QUEUES = 4,
    parameter int LIST_SLOTS = 512,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int FREE = $clog2(LIST_SLOTS) + 1
) (
    input  logic                 clk,
    input  logic                 rst,

    input  logic [QUEUES-1:0]    accepting,
    input  logic [QUEUES-1:0]    bad,
    input  logic [QUEUES-1:0]    blocked,
    input  logic [QW-1:0]        queue,             // whose turn it is

    // Index 0 is H2C, 1 is C2H.
    input  logic [1:0][FREE-1:0] list_free,
    input  logic [1:0]           request_room,
    input  logic                 reject_room,
    input  logic                 fills,             // the completion ring of `queue` has no place
    input  logic                 dry,               // no segment is on its way, nor before the slot read next
    output logic [1:0][FREE:0]   spare,             // places for the slot read next, signed
    output logic [1:0]           open,              // requests may begin; two cycles late: no slot is on show that early in a turn

    input  logic                 shown,             // a header waits to begin
    input  logic                 is_c2h,
    input  logic                 accept,            // it does
    input  logic                 first              // it is the first of its turn
);

  // Places of a list buffer are counted when the header is read, nine slots before the walk at most. Some segments may be on their
  // way to it by then, but not before the first slot of a turn once the pipeline has run dry.
  localparam int UNDER_WAY = 20;

  always_ff @(posedge clk) begin
    for (int d = 0; d < 2; d++) begin
      spare[d] <= {1'b0, list_free[d]} - (dry ? '0 : (FREE + 1)'(UNDER_WAY));
    end
  end

  // A queue whose turn comes to nothing for lack of room claims the direction: neither smaller requests of other queues nor a
  // rhythm that favours them can starve it. It gives the claim up with the request that it was for.
  logic [1:0] claimed_reg;
  logic [1:0][QW-1:0] claimer_reg;
  wire claimed = claimed_reg[is_c2h] && claimer_reg[is_c2h] != queue;

  // What is looked at across the chip is looked at a cycle before: at most four requests are accepted that it does not know of.
  logic [1:0] room_reg;

  always_ff @(posedge clk) begin
    for (int d = 0; d < 2; d++) begin
      room_reg[d] <= reject_room && request_room[d] && !(claimed_reg[d] && claimer_reg[d] != queue);
      open[d] <= room_reg[d] && accepting[queue] && !bad[queue] && !fills;
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      claimed_reg <= '0;
      claimer_reg <= '0;
    end else begin
      for (int d = 0; d < 2; d++) if (!accepting[claimer_reg[d]] || blocked[claimer_reg[d]]) claimed_reg[d] <= 1'b0;
      if (shown && !claimed) begin
        claimed_reg[is_c2h] <= !accept && first;
        claimer_reg[is_c2h] <= queue;
      end
    end
  end

endmodule
