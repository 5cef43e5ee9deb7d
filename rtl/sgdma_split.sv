// Turns the segments of checked requests into bursts: one burst a cycle, none crosses a multiple of BURST bytes.
//
// For every request that is begun, its command goes to user logic first. A request of a queue that is being aborted is cut
// short: its remaining segments are dropped and one last record with `burst_kill` ends it. `burst_begun` tells whether user
// logic has been told of the request. `drop` cuts the present request short likewise.

module sgdma_split #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int BURST = 512,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int BB = $clog2(BURST),
    localparam int LB = $clog2(DATA_WIDTH / 8)
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [QUEUES-1:0]     aborting,
    input  logic                  drop,

    input  logic                  request_valid,
    output logic                  request_ready,
    input  logic [QW-1:0]         request_queue,
    input  logic [31:0]           request_length,
    input  logic [47:0]           request_card,
    input  logic [1:0]            request_port,

    input  logic                  list_valid,
    output logic                  list_ready,
    input  logic [ADDR_WIDTH-1:0] list_address,
    input  logic [31:0]           list_length,
    input  logic                  list_last,

    output logic                  cmd_valid,
    input  logic                  cmd_ready,
    output logic [47:0]           cmd_address,
    output logic [31:0]           cmd_length,
    output logic [1:0]            cmd_port,
    output logic [7:0]            cmd_queue,

    output logic                  burst_valid,
    input  logic                  burst_ready,
    output logic [ADDR_WIDTH-1:0] burst_address,
    output logic [BB:0]           burst_bytes,
    output logic [BB-LB:0]        burst_beats,
    output logic [QW-1:0]         burst_queue,
    output logic                  burst_segment_last,
    output logic                  burst_request_last,
    output logic                  burst_kill,
    output logic                  burst_begun
);

  if (BURST > 4096 || BURST > 256 * (DATA_WIDTH / 8) || BURST < DATA_WIDTH / 8 || (1 << BB) != BURST) begin : g_bad_burst
    $error("sgdma_split: BURST = %0d must be a power of two from one beat to 256 beats, and at most 4096", BURST);
  end

  typedef enum logic [1:0] {IDLE, RUN, DROP, KILL} state_t;
  state_t state_reg, state_next;
  logic begun_reg, begun_next;
  logic [QW-1:0] queue_reg;

  // The segment being cut.
  logic have_reg;
  logic [ADDR_WIDTH-1:0] address_reg;
  logic [31:0] left_reg;
  logic last_reg;

  wire abort = aborting[state_reg == IDLE ? request_queue : queue_reg];
  wire out_move = !burst_valid || burst_ready;
  wire [BB:0] room = (BB + 1)'(BURST) - {1'b0, address_reg[BB-1:0]};
  wire fits = left_reg[31:BB+1] == '0 && left_reg[BB:0] <= room;
  wire [BB:0] bytes = fits ? left_reg[BB:0] : room;
  wire [BB:0] edge_bytes = (BB + 1)'(address_reg[LB-1:0]) + bytes + (BB + 1)'(DATA_WIDTH / 8 - 1);

  wire cut = state_reg == RUN && have_reg && !abort && !drop && out_move;
  wire load = list_valid && ((state_reg == RUN && (!have_reg || (cut && fits && !last_reg)))
                             || (state_reg == IDLE && request_ready && request_valid && !abort));
  wire dropping = state_reg == DROP && !(have_reg && last_reg);

  assign list_ready = load || dropping;
  assign request_ready = state_reg == IDLE && (abort || !cmd_valid || cmd_ready);

  always_comb begin
    state_next = state_reg;
    begun_next = begun_reg;
    case (state_reg)
      IDLE:
        if (request_valid && request_ready) begin
          state_next = abort ? DROP : RUN;
          begun_next = !abort;
        end
      RUN:
        if (abort || drop) state_next = DROP;
        else if (cut && fits && last_reg) state_next = IDLE;
      DROP:
        if ((have_reg && last_reg) || (list_valid && list_last)) state_next = KILL;
      default:
        if (out_move) state_next = IDLE;
    endcase
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= IDLE;
      have_reg <= 1'b0;
      burst_valid <= 1'b0;
      cmd_valid <= 1'b0;
    end else begin
      state_reg <= state_next;
      if (load) have_reg <= 1'b1;
      else if ((cut && fits) || state_reg == KILL) have_reg <= 1'b0;
      if (out_move) burst_valid <= cut || state_reg == KILL;
      if (state_reg == IDLE && request_valid && request_ready && !abort) cmd_valid <= 1'b1;
      else if (cmd_ready) cmd_valid <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    begun_reg <= begun_next;
    if (state_reg == IDLE) queue_reg <= request_queue;
    if (request_ready && request_valid && !abort) begin
      cmd_address <= request_card;
      cmd_length <= request_length;
      cmd_port <= request_port;
      cmd_queue <= 8'(request_queue);
    end
    if (load) begin
      address_reg <= list_address;
      left_reg <= list_length;
      last_reg <= list_last;
    end else if (cut) begin
      address_reg <= {address_reg[ADDR_WIDTH-1:BB] + 1'b1, BB'(0)};
      left_reg <= left_reg - 32'(room);
    end
    if (out_move) begin
      burst_address <= address_reg;
      burst_bytes <= bytes;
      burst_beats <= edge_bytes[BB:LB];
      burst_queue <= queue_reg;
      burst_segment_last <= fits;
      burst_request_last <= (fits && last_reg) || state_reg == KILL;
      burst_kill <= state_reg == KILL;
      burst_begun <= begun_reg;
    end
  end

  wire unused = &{1'b0, edge_bytes};

endmodule
