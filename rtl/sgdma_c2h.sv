// C2H engine: takes one packet of user logic per request and writes it to the segments in host memory.
//
//   list --> split --> cut <-- stream
//                       |
//          burst complete: data FIFO, write burst, log --> responses --> result
//
// A burst is offered to memory only when all its data is in the FIFO: a slow stream never holds the write channel, which
// completions of other queues need.

module sgdma_c2h #(
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

    // Write bursts, their data in the same order, and their responses.
    output logic                  aw_valid,
    input  logic                  aw_ready,
    output logic [ADDR_WIDTH-1:0] aw_addr,
    output logic [7:0]            aw_len,
    output logic                  w_valid,
    input  logic                  w_ready,
    output logic [DATA_WIDTH-1:0] w_data,
    output logic [BYTES-1:0]      w_strb,
    input  logic                  b_valid,
    output logic                  b_ready,
    input  logic                  b_error,

    // User logic.
    output logic                  cmd_valid,
    input  logic                  cmd_ready,
    output logic [47:0]           cmd_address,
    output logic [31:0]           cmd_length,
    output logic [1:0]            cmd_port,
    output logic [7:0]            cmd_queue,
    output logic                  cancel,
    input  logic                  stream_valid,
    output logic                  stream_ready,
    input  logic [DATA_WIDTH-1:0] stream_data,
    input  logic [BYTES-1:0]      stream_keep,
    input  logic                  stream_last,
    input  logic                  stream_error,

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

  logic job_valid, job_ready, job_single, job_segment_last, job_request_last, job_kill, job_end_push;
  logic [ADDR_WIDTH-1:0] job_address;
  logic [BB-LB:0] job_extent;
  logic [LB-1:0] job_tail;
  logic [QW-1:0] job_queue;
  logic [15:0] job_tag;
  logic drop;

  sgdma_jobs #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .BURST(BURST), .LIST_SLOTS(LIST_SLOTS),
      .UNIT(UNIT), .REACH(REACH), .EARLY(1)
  ) jobs (
      .clk(clk), .rst(rst), .aborting(aborting), .drop(drop),
      .list_push(list_push), .list_address(list_address), .list_reach(list_reach), .list_last(list_last),
      .list_commit(list_commit), .list_rollback(list_rollback), .list_free(list_free), .request_room(request_room),
      .request_queue(request_queue), .request_tag(request_tag), .request_length(request_length),
      .request_card(request_card), .request_port(request_port),
      .cmd_valid(cmd_valid), .cmd_ready(cmd_ready), .cmd_address(cmd_address), .cmd_length(cmd_length),
      .cmd_port(cmd_port), .cmd_queue(cmd_queue),
      .burst_valid(job_valid), .burst_ready(job_ready), .burst_address(job_address), .burst_extent(job_extent),
      .burst_single(job_single), .burst_tail(job_tail), .burst_queue(job_queue), .burst_tag(job_tag),
      .burst_segment_last(job_segment_last), .burst_request_last(job_request_last), .burst_kill(job_kill),
      .burst_begun(), .burst_end_push(job_end_push));

  // ---------------------------------------------------------------------------------- stream, cut to bursts

  logic room, log_room, word_taken, word_last, beat, rollback;
  logic burst_done, kill_done, bad, packet_over, packet_lost;
  logic burst_segment_last, burst_request_last;
  logic [DATA_WIDTH-1:0] word_data, beat_data;
  logic [BYTES-1:0] word_keep, beat_strobe;
  logic [ADDR_WIDTH-1:0] burst_address;
  logic [BB-LB:0] burst_extent;
  logic [BB-1:0] burst_bytes;
  logic [QW-1:0] burst_queue;
  logic [15:0] burst_tag;

  sgdma_cut #(
      .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .QUEUES(QUEUES), .BURST(BURST), .REALIGN(REALIGN), .GRANULE(GRANULE)
  ) cut (
      .clk(clk), .rst(rst), .aborting(aborting),
      .job_valid(job_valid), .job_ready(job_ready), .job_address(job_address), .job_extent(job_extent),
      .job_single(job_single), .job_tail(job_tail), .job_queue(job_queue), .job_tag(job_tag),
      .job_segment_last(job_segment_last), .job_request_last(job_request_last), .job_kill(job_kill),
      .job_end_push(job_end_push), .drop(drop),
      .cancel(cancel), .stream_valid(stream_valid), .stream_ready(stream_ready), .stream_data(stream_data),
      .stream_keep(stream_keep), .stream_last(stream_last), .stream_error(stream_error),
      .word_taken(word_taken), .word_data(word_data), .word_keep(word_keep), .word_last(word_last),
      .room(room), .kill_room(log_room),
      .beat(beat), .beat_data(beat_data), .beat_strobe(beat_strobe), .rollback(rollback),
      .burst_done(burst_done), .kill_done(kill_done), .packet_over(packet_over), .packet_lost(packet_lost), .bad(bad),
      .burst_address(burst_address), .burst_extent(burst_extent), .burst_bytes(burst_bytes), .burst_queue(burst_queue),
      .burst_tag(burst_tag), .burst_segment_last(burst_segment_last), .burst_request_last(burst_request_last));

  // ---------------------------------------------------------------------------- burst complete: off to memory

  localparam int LOG = BB + 4 + QW + 16;
  logic [4:0] address_level;
  logic [$clog2(FIFO_BEATS):0] fifo_free;
  logic [$clog2(OUTSTANDING):0] log_free;
  logic log_valid, log_take, log_segment_last, log_request_last, log_kill, log_stream_bad;
  logic [BB-1:0] log_bytes;                       // less one
  logic [QW-1:0] log_queue;
  logic [15:0] log_tag;

  // Counts are up to three cycles old.
  always_ff @(posedge clk) begin
    room <= |fifo_free[$clog2(FIFO_BEATS):2] && |log_free[$clog2(OUTSTANDING):2] && address_level <= 5'd12;
    log_room <= |log_free[$clog2(OUTSTANDING):2];
  end

  sgdma_packet_fifo #(.WIDTH(DATA_WIDTH + BYTES), .DEPTH(FIFO_BEATS)) beats (
      .clk(clk), .rst(rst),
      .in_valid(beat), .in_data({beat_strobe, beat_data}), .commit(burst_done), .rollback(rollback),
      .free(fifo_free),
      .out_valid(w_valid), .out_ready(w_ready), .out_data({w_strb, w_data}));

  sgdma_fifo #(.WIDTH(ADDR_WIDTH - LB + 8), .DEPTH(16)) addresses (
      .clk(clk), .rst(rst),
      .in_valid(burst_done), .in_ready(),
      .in_data({burst_address[ADDR_WIDTH-1:LB], 8'(burst_extent)}),
      .out_valid(aw_valid), .out_ready(aw_ready), .out_data({aw_addr[ADDR_WIDTH-1:LB], aw_len}), .level(address_level));

  assign aw_addr[LB-1:0] = '0;

  // Logged a cycle late: what is wrong with a burst is told late, and a block memory is far away.
  logic log_push_reg;
  logic [LOG-1:0] log_reg;

  always_ff @(posedge clk) begin
    log_push_reg <= (burst_done || kill_done) && !rst;
    log_reg <= {burst_bytes, burst_segment_last, burst_request_last, kill_done, bad, burst_queue, burst_tag};
  end

  sgdma_packet_fifo #(.WIDTH(LOG), .DEPTH(OUTSTANDING), .PLAIN(1), .SLOW(1), .FAR(1)) bursts (
      .clk(clk), .rst(rst),
      .in_valid(log_push_reg), .commit(1'b1), .rollback(1'b0), .free(log_free), .in_data(log_reg),
      .out_valid(log_valid), .out_ready(log_take),
      .out_data({log_bytes, log_segment_last, log_request_last, log_kill, log_stream_bad, log_queue, log_tag}));

  // ----------------------------------------------------------------------------------- responses and results

  logic result_room, tally_bad;
  logic [2:0] result_status;
  logic [15:0] result_segment;
  logic [31:0] result_bytes;

  assign log_take = log_valid && result_room && (log_kill || b_valid);
  assign b_ready = log_valid && result_room && !log_kill;

  sgdma_tally #(.BB(BB), .UNIT(UNIT)) tally (
      .clk(clk), .rst(rst),
      .beat(log_take), .take(log_take), .burst_extent(log_bytes), .burst_bad(b_error), .segment_last(log_segment_last),
      .abort(log_kill), .stream_bad(log_stream_bad), .request_end(log_request_last),
      .bad(tally_bad), .status(result_status), .segment(result_segment), .bytes(result_bytes));

  logic result_valid, result_whole, crc_valid;    // whole: the packet was what the request asked for
  wire handed = done_valid && done_ready;

  sgdma_fifo #(.WIDTH(QW + 16 + 3 + 16 + 32 + 1), .DEPTH(4)) results (
      .clk(clk), .rst(rst),
      .in_valid(log_take && log_request_last), .in_ready(result_room),
      .in_data({log_queue, log_tag, result_status, result_segment, result_bytes, !log_kill && !log_stream_bad}),
      .out_valid(result_valid), .out_ready(handed),
      .out_data({done_queue, done_tag, done_status, done_segment, done_bytes, result_whole}), .level());

  assign done_valid = result_valid && crc_valid;

  if (CRC) begin : g_crc
    // Every packet yields a checksum and, in the same order, a verdict; only whole packets' checksums are kept.
    logic [31:0] crc, packet_crc;
    logic crc_good, packet_valid, verdict_valid, verdict_whole;
    logic [9:0] crc_free;
    wire judge = packet_valid && verdict_valid;

    sgdma_crc32c #(.DATA_WIDTH(DATA_WIDTH)) checksum (
        .clk(clk), .rst(rst),
        .in_valid(word_taken), .in_data(word_data), .in_keep(word_keep), .in_last(word_last),
        .out_valid(packet_valid), .out_ready(judge), .out_crc(packet_crc));

    sgdma_fifo #(.WIDTH(1), .DEPTH(4)) verdicts (
        .clk(clk), .rst(rst),
        .in_valid(packet_over || packet_lost), .in_ready(), .in_data(packet_over && !bad),
        .out_valid(verdict_valid), .out_ready(judge), .out_data(verdict_whole), .level());

    sgdma_packet_fifo #(.WIDTH(32), .DEPTH(512), .PLAIN(1)) checksums (
        .clk(clk), .rst(rst),
        .in_valid(judge && verdict_whole), .in_data(packet_crc), .commit(1'b1), .rollback(1'b0),
        .free(crc_free),
        .out_valid(crc_good), .out_ready(handed && result_whole), .out_data(crc));

    assign crc_valid = crc_good || !result_whole;
    wire unused = &{1'b0, crc_free};
    assign done_crc = done_status == sgdma_pkg::STATUS_OK[2:0] ? crc : 32'd0;
  end else begin : g_no_crc
    assign crc_valid = 1'b1;
    assign done_crc = 32'd0;
    wire unused = &{1'b0, result_whole, word_taken, word_data, word_keep, word_last, packet_over, packet_lost};
  end

  wire unused = &{1'b0, tally_bad, burst_address, burst_extent, fifo_free, log_free};

endmodule
