// H2C engine: reads the segments of a request from host memory and delivers them to user logic as one packet.
//
//   list --> split --> read bursts            memory beats --> data FIFO --> lanes --> pack --> stream
//                          |                                                   ^
//                          +------------------ log of bursts ------------------+
//
// A burst is sent only when the data FIFO has room for all of it, so the read channel never waits for user logic and
// descriptor fetches pass freely. Results appear in the order of requests, when user logic has taken the last beat.

module sgdma_h2c #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int BURST = 512,
    parameter int LIST_SLOTS = 512,
    parameter int FIFO_BEATS = 512,
    parameter int OUTSTANDING = 256,
    parameter bit REALIGN = 1,
    parameter int UNIT = 0,                        // log2 of what divides all addresses and lengths, if that is a beat or more
    parameter int REACH = 33,                      // bits that tell where a segment ends
    parameter int GRANULE = 1,
    parameter bit CRC = 0,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int BYTES = DATA_WIDTH / 8,
    localparam int LB = $clog2(BYTES),
    localparam int BB = $clog2(BURST),
    localparam int FREE = $clog2(LIST_SLOTS) + 1
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic [QUEUES-1:0]     aborting,

    // Checked requests.
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

    // Read bursts.
    output logic                  ar_valid,
    input  logic                  ar_ready,
    output logic [ADDR_WIDTH-1:0] ar_addr,
    output logic [7:0]            ar_len,
    input  logic                  r_valid,
    input  logic [DATA_WIDTH-1:0] r_data,
    input  logic                  r_error,

    // User logic.
    output logic                  cmd_valid,
    input  logic                  cmd_ready,
    output logic [47:0]           cmd_address,
    output logic [31:0]           cmd_length,
    output logic [1:0]            cmd_port,
    output logic [7:0]            cmd_queue,
    output logic                  stream_valid,
    input  logic                  stream_ready,
    output logic [DATA_WIDTH-1:0] stream_data,
    output logic [BYTES-1:0]      stream_keep,
    output logic                  stream_last,
    output logic                  stream_error,

    // Results.
    output logic                  done_valid,
    input  logic                  done_ready,
    output logic [QW-1:0]         done_queue,
    output logic [15:0]           done_tag,
    output logic [2:0]            done_status,     // low bits
    output logic [15:0]           done_segment,
    output logic [31:0]           done_bytes,
    output logic [31:0]           done_crc
);

  // ------------------------------------------------------------------------------------ requests and bursts

  logic burst_valid, burst_ready, burst_single, burst_segment_last, burst_request_last, burst_kill, burst_begun;
  logic [ADDR_WIDTH-1:0] burst_address;
  logic [BB-LB:0] burst_extent;
  logic [LB-1:0] burst_tail;
  logic [QW-1:0] burst_queue;
  logic [15:0] burst_tag;

  sgdma_jobs #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .BURST(BURST), .LIST_SLOTS(LIST_SLOTS),
      .UNIT(UNIT), .REACH(REACH)
  ) jobs (
      .clk(clk), .rst(rst), .aborting(aborting), .drop(1'b0),
      .list_push(list_push), .list_address(list_address), .list_reach(list_reach), .list_last(list_last),
      .list_commit(list_commit), .list_rollback(list_rollback), .list_free(list_free), .request_room(request_room),
      .request_queue(request_queue), .request_tag(request_tag), .request_length(request_length),
      .request_card(request_card), .request_port(request_port),
      .cmd_valid(cmd_valid), .cmd_ready(cmd_ready), .cmd_address(cmd_address), .cmd_length(cmd_length),
      .cmd_port(cmd_port), .cmd_queue(cmd_queue),
      .burst_valid(burst_valid), .burst_ready(burst_ready), .burst_address(burst_address),
      .burst_extent(burst_extent), .burst_single(burst_single), .burst_tail(burst_tail), .burst_queue(burst_queue),
      .burst_tag(burst_tag), .burst_segment_last(burst_segment_last), .burst_request_last(burst_request_last),
      .burst_kill(burst_kill), .burst_begun(burst_begun), .burst_end_push());

  // A record is a burst, or what ends a request that is cut short: bursts that were cut before an abort go out. It is counted and
  // logged a cycle late, since it is told late. So `room` is two cycles old and asks for the largest burst three times over, or
  // twice when none went out in the cycle before.
  localparam int CREDIT = $clog2(FIFO_BEATS) + 1;
  logic [CREDIT-1:0] credit_reg;
  logic [$clog2(OUTSTANDING):0] log_free;
  logic go_reg, log_room_reg, data_take;           // room for a burst, for what ends a request

  wire log_room = |log_free[$clog2(OUTSTANDING):2];
  wire sent = ar_valid && ar_ready;
  wire kill_push = burst_valid && burst_kill && log_room_reg;
  logic log_push_reg, sent_reg;
  logic [BB-LB:0] sent_extent;

  assign ar_valid = burst_valid && go_reg && !burst_kill;
  assign ar_addr = {burst_address[ADDR_WIDTH-1:LB], LB'(0)};
  assign ar_len = 8'(burst_extent);
  assign burst_ready = burst_kill ? log_room_reg : go_reg && ar_ready;

  always_ff @(posedge clk) begin
    if (rst) begin
      credit_reg <= CREDIT'(FIFO_BEATS);
      go_reg <= 1'b0;
      log_room_reg <= 1'b0;
    end else begin
      credit_reg <= credit_reg - (sent_reg ? CREDIT'(sent_extent) + 1'b1 : CREDIT'(0)) + CREDIT'(data_take);
      go_reg <= credit_reg >= CREDIT'(2 * BURST / BYTES) && (!sent_reg || credit_reg >= CREDIT'(3 * BURST / BYTES)) && log_room;
      log_room_reg <= log_room;
    end
  end

  // ----------------------------------------------------------------------------------- log and data, in step

  localparam int LOG = LB + (BB - LB + 1) + 1 + LB + 4 + QW + 16;
  logic log_valid, log_take, log_single, log_segment_last, log_request_last, log_kill, log_begun;
  logic [LB-1:0] log_lane, log_tail, shown_tail;
  assign log_tail = UNIT != 0 ? '1 : shown_tail;
  logic [BB-LB:0] log_extent;
  logic [QW-1:0] log_queue;
  logic [15:0] log_tag;

  logic [LOG-1:0] log_reg;
  assign sent_extent = log_reg[LOG-LB-1 -: BB-LB+1];

  always_ff @(posedge clk) begin
    sent_reg <= sent && !rst;
    log_push_reg <= (sent || kill_push) && !rst;
    log_reg <= {burst_address[LB-1:0], burst_extent, burst_single, burst_tail, burst_segment_last, burst_request_last,
                burst_kill, burst_begun, burst_queue, burst_tag};
  end

  sgdma_packet_fifo #(.WIDTH(LOG), .DEPTH(OUTSTANDING), .PLAIN(1), .SLOW(1), .FAR(1)) bursts (
      .clk(clk), .rst(rst),
      .in_valid(log_push_reg), .commit(1'b1), .rollback(1'b0), .free(log_free), .in_data(log_reg),
      .out_valid(log_valid), .out_ready(log_take),
      .out_data({log_lane, log_extent, log_single, shown_tail, log_segment_last, log_request_last, log_kill, log_begun,
                 log_queue, log_tag}));

  logic data_valid, data_error;
  logic [DATA_WIDTH-1:0] data;
  logic [$clog2(FIFO_BEATS):0] data_free;

  sgdma_packet_fifo #(.WIDTH(DATA_WIDTH + 1), .DEPTH(FIFO_BEATS), .PLAIN(1)) beats (
      .clk(clk), .rst(rst),
      .in_valid(r_valid), .commit(1'b1), .rollback(1'b0), .free(data_free), .in_data({r_error, r_data}),
      .out_valid(data_valid), .out_ready(data_take), .out_data({data_error, data}));

  // -------------------------------------------------------------------------------------------------- lanes

  logic middle_reg;                                // in the middle of a burst
  logic final_reg;                                 // then: the next beat is its last
  logic [BB-LB:0] left_reg;                        // then: beats behind the next
  logic pack_valid, pack_ready;

  wire final_beat = middle_reg ? final_reg : log_single;
  wire [LB-1:0] lane = middle_reg || !REALIGN ? '0 : log_lane;
  wire [LB-1:0] tail = final_beat ? log_tail : '1;
  wire [LB:0] count = {1'b0, tail} - {1'b0, lane} + 1'b1;
  wire quiet = log_kill && !log_begun;             // user logic never heard of this request
  logic result_room, pack_idle, tally_bad;
  logic [2:0] result_status;
  logic [15:0] result_segment;
  logic [31:0] result_bytes;

  assign pack_valid = log_valid && result_room && (log_kill ? log_begun : data_valid);
  assign data_take = data_valid && log_valid && !log_kill && result_room && pack_ready;
  wire ghost = log_valid && quiet && result_room && pack_idle;
  wire beat = (pack_valid && pack_ready) || ghost;
  assign log_take = beat && (log_kill || final_beat);
  wire request_end = log_take && log_request_last;

  always_ff @(posedge clk) begin
    if (rst) begin
      middle_reg <= 1'b0;
    end else if (beat) begin
      middle_reg <= !(log_kill || final_beat);
    end
    if (beat) begin
      left_reg <= (middle_reg ? left_reg : log_extent) - 1'b1;
      final_reg <= (middle_reg ? left_reg : log_extent) == (BB - LB + 1)'(1);
    end
  end

  sgdma_pack #(.DATA_WIDTH(DATA_WIDTH), .REALIGN(REALIGN), .GRANULE(GRANULE)) pack (
      .clk(clk), .rst(rst),
      .in_valid(pack_valid), .in_ready(pack_ready), .in_data(data), .in_lane(log_kill ? '0 : lane),
      .in_count(log_kill ? '0 : count), .in_last(log_request_last && (log_kill || final_beat)),
      .in_error(log_kill || tally_bad || data_error),
      .out_valid(stream_valid), .out_ready(stream_ready), .out_data(stream_data), .out_keep(stream_keep),
      .out_last(stream_last), .out_error(stream_error));

  // ------------------------------------------------------------------------------------------------ results

  wire [BB-1:0] burst_bytes = {log_extent[BB-LB-1:0], log_tail} - (REALIGN ? BB'(log_lane) : BB'(0));  // less one

  sgdma_tally #(.BB(BB), .UNIT(UNIT), .LATE(1)) tally (
      .clk(clk), .rst(rst),
      .beat(beat), .take(log_take), .burst_extent(burst_bytes), .burst_bad(data_error),
      .segment_last(log_segment_last), .abort(log_kill), .stream_bad(1'b0), .request_end(log_request_last),
      .bad(tally_bad), .status(result_status), .segment(result_segment), .bytes(result_bytes));

  // Results wait here until user logic has taken the packet's last beat.
  localparam int RESULT = QW + 16 + 3 + 16 + 32 + 1;
  logic result_valid, result_quiet, crc_valid;

  sgdma_fifo #(.WIDTH(RESULT), .DEPTH(4)) results (
      .clk(clk), .rst(rst),
      .in_valid(request_end), .in_ready(result_room),
      .in_data({log_queue, log_tag, result_status, result_segment, result_bytes, quiet}),
      .out_valid(result_valid), .out_ready(done_valid && done_ready),
      .out_data({done_queue, done_tag, done_status, done_segment, done_bytes, result_quiet}), .level());

  // Packets taken by user logic whose results are still to be handed on. A quiet request counts as taken: it ends when no other
  // result waits.
  logic [2:0] taken_reg;
  wire packet_end = stream_valid && stream_ready && stream_last;
  wire over = packet_end || (ghost && log_request_last);
  wire handed = done_valid && done_ready;

  assign pack_idle = !result_valid;
  assign done_valid = result_valid && taken_reg != 3'd0 && (result_quiet || crc_valid);

  always_ff @(posedge clk) begin
    if (rst) taken_reg <= 3'd0;
    else if (over != handed) taken_reg <= taken_reg + {{2{!over}}, 1'b1};
  end

  if (CRC) begin : g_crc
    logic [31:0] crc;
    logic crc_good;
    sgdma_crc32c #(.DATA_WIDTH(DATA_WIDTH)) crc32c (
        .clk(clk), .rst(rst),
        .in_valid(stream_valid && stream_ready), .in_data(stream_data), .in_keep(stream_keep), .in_last(stream_last),
        .out_valid(crc_good), .out_ready(handed && !result_quiet), .out_crc(crc));
    assign crc_valid = crc_good;
    assign done_crc = done_status == sgdma_pkg::STATUS_OK[2:0] ? crc : 32'd0;
  end else begin : g_no_crc
    assign crc_valid = 1'b1;
    assign done_crc = 32'd0;
  end

  wire unused = &{1'b0, data_free, log_lane, log_extent, log_free};

endmodule
