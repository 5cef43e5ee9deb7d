// Front of an engine: buffers checked requests of one direction and cuts them into bursts.
//
// Lists and requests come from the checker; bursts go to the engine, commands to user logic.

module sgdma_jobs #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int BURST = 512,
    parameter int LIST_SLOTS = 512,
    parameter int UNIT = 0,                        // log2 of what divides all addresses and lengths, if that is a beat or more
    parameter int REACH = 33,                      // bits that tell where a segment ends
    parameter bit EARLY = 0,                       // commands go out with the list, not when the request is begun
    parameter int COMMANDS = 512,                  // that user logic may leave waiting
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int BB = $clog2(BURST),
    localparam int LB = $clog2(DATA_WIDTH / 8),
    localparam int FREE = $clog2(LIST_SLOTS) + 1
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [QUEUES-1:0]     aborting,
    input  logic                  drop,

    input  logic                  list_push,
    input  logic [ADDR_WIDTH-1:0] list_address,
    input  logic [REACH-1:0]      list_reach,
    input  logic                  list_last,
    input  logic                  list_commit,
    input  logic                  list_rollback,
    output logic [FREE-1:0]       list_free,
    output logic                  request_room,
    input  logic [QW-1:0]         request_queue,
    input  logic [15:0]           request_tag,
    input  logic [31:0]           request_length,
    input  logic [47:0]           request_card,
    input  logic [1:0]            request_port,

    output logic                  cmd_valid,
    input  logic                  cmd_ready,
    output logic [47:0]           cmd_address,
    output logic [31:0]           cmd_length,
    output logic [1:0]            cmd_port,
    output logic [7:0]            cmd_queue,

    output logic                  burst_valid,
    input  logic                  burst_ready,
    output logic [ADDR_WIDTH-1:0] burst_address,
    output logic [BB-LB:0]        burst_extent,
    output logic                  burst_single,
    output logic [LB-1:0]         burst_tail,
    output logic [QW-1:0]         burst_queue,
    output logic [15:0]           burst_tag,
    output logic                  burst_segment_last,
    output logic                  burst_request_last,
    output logic                  burst_kill,
    output logic                  burst_begun,
    output logic                  burst_end_push
);

  // The checker looks for room once a request, and up to four requests can be on their way from it.
  localparam int MARGIN = 6;

  logic segment_valid, segment_ready, segment_last;
  logic [ADDR_WIDTH-1:0] segment_address;
  logic [REACH-1:0] segment_reach;

  sgdma_packet_fifo #(.WIDTH(ADDR_WIDTH + REACH + 1), .DEPTH(LIST_SLOTS), .SLOW(1)) lists (
      .clk(clk), .rst(rst),
      .in_valid(list_push), .in_data({list_address, list_reach, list_last}),
      .commit(list_commit), .rollback(list_rollback), .free(list_free),
      .out_valid(segment_valid), .out_ready(segment_ready),
      .out_data({segment_address, segment_reach, segment_last}));

  localparam int START = QW + 16 + 32 + 48 + 2;
  logic start_valid, start_ready;
  logic [QW-1:0] start_queue;
  logic [15:0] start_tag;
  logic [31:0] start_length;
  logic [47:0] start_card;
  logic [1:0] start_port;
  logic [4:0] start_level;

  sgdma_fifo #(.WIDTH(START), .DEPTH(16)) starts (
      .clk(clk), .rst(rst),
      .in_valid(list_commit), .in_ready(),
      .in_data({request_queue, request_tag, request_length, request_card, request_port}),
      .out_valid(start_valid), .out_ready(start_ready),
      .out_data({start_queue, start_tag, start_length, start_card, start_port}), .level(start_level));

  localparam int CMD = $clog2(COMMANDS) + 1;
  logic [CMD-1:0] cmd_free;

  always_ff @(posedge clk) request_room <= start_level <= 5'(16 - MARGIN) && (!EARLY || cmd_free >= CMD'(MARGIN + 2));

  logic begun, split_begun, cmd_room_reg;

  sgdma_split #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .BURST(BURST), .UNIT(UNIT), .REACH(REACH)
  ) split (
      .clk(clk), .rst(rst), .aborting(aborting), .drop(drop),
      .request_valid(start_valid), .request_ready(start_ready), .request_queue(start_queue), .request_tag(start_tag),
      .list_valid(segment_valid), .list_ready(segment_ready), .list_address(segment_address),
      .list_reach(segment_reach), .list_last(segment_last),
      .cmd_push(begun), .cmd_room(cmd_room_reg),
      .burst_valid(burst_valid), .burst_ready(burst_ready), .burst_address(burst_address),
      .burst_extent(burst_extent), .burst_single(burst_single), .burst_tail(burst_tail), .burst_queue(burst_queue),
      .burst_tag(burst_tag),
      .burst_segment_last(burst_segment_last), .burst_request_last(burst_request_last), .burst_kill(burst_kill),
      .burst_begun(split_begun), .burst_end_push(burst_end_push));

  assign burst_begun = EARLY || split_begun;

  // User logic takes a command when it is done with the request before; bursts must not wait for that. What is to come from user
  // logic it should know as early as possible.
  logic [QW-1:0] cmd_queue_index;

  sgdma_packet_fifo #(.WIDTH(48 + 32 + 2 + QW), .DEPTH(COMMANDS), .PLAIN(1), .SLOW(1)) commands (
      .clk(clk), .rst(rst),
      .in_valid(EARLY ? list_commit : begun),
      .in_data(EARLY ? {request_card, request_length, request_port, request_queue}
                     : {start_card, start_length, start_port, start_queue}),
      .commit(1'b1), .rollback(1'b0), .free(cmd_free),
      .out_valid(cmd_valid), .out_ready(cmd_ready), .out_data({cmd_address, cmd_length, cmd_port, cmd_queue_index}));

  assign cmd_queue = 8'(cmd_queue_index);

  always_ff @(posedge clk) cmd_room_reg <= EARLY || |cmd_free[CMD-1:2];

  wire unused = &{1'b0, cmd_free};

endmodule
