// AXI4 reads to memory read requests of at most MRRS, many at a time; completions come back in any order, data leaves in AXI's.
//
//   AR --> FIFO --> split at multiples of MRRS --> tag --> packets
//                                                   |
//   completions --> [fits its tag?] --> banks, SLOT bytes a tag
//                                                   |
//   R  <------------ tags in the order of requests <+
//
// A completion is taken only if it is exactly what its tag waits for next: our ID, status, length, byte count, lower address,
// and as many dwords as it says. Whatever does not fit is counted and dropped, and the time-out of the tag ends the burst with
// SLVERR. Unsupported request is DECERR, any other status and poisoned data SLVERR, for the beats of that request alone.
//
// A tag whose time ran out is in quarantine: it is not used again before all that was asked for has come after all, or QUARANTINE
// more cycles have passed. What comes then is of a free tag and dropped.

module sgdma_tlp_read #(
    parameter int DATA_WIDTH = 64,
    parameter int TAGS = 32,
    parameter int SLOT = 512,                      // bytes; MRRS beyond it is not used
    parameter int TIMEOUT = 6_250_000,             // cycles from the request to its last completion
    parameter int QUARANTINE = 50_000_000,
    localparam int LANES = DATA_WIDTH / 32
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic [15:0]            requester,
    input  logic [9:0]             max_request,    // in bytes, a power of two, at most SLOT

    input  logic                   arvalid,
    output logic                   arready,
    input  logic                   arid,
    input  logic [63:0]            araddr,
    input  logic [7:0]             arlen,
    output logic                   rvalid,
    input  logic                   rready,
    output logic                   rid,
    output logic [DATA_WIDTH-1:0]  rdata,
    output logic [1:0]             rresp,
    output logic                   rlast,

    output logic                   packet_valid,
    input  logic                   packet_ready,
    output sgdma_tlp_pkg::packet_t                packet,

    // Beats of completions, with the header's dwords from the beat on in which it is whole (`begins`).
    input  logic                   beat_valid,
    input  logic                   beat_begins,
    input  logic                   beat_last,
    input  logic [DATA_WIDTH-1:0]  beat_data,
    input  logic [2:0][31:0]       beat_head,

    output logic                   timed_out,      // counted outside: a request's time ran out, a completion was dropped
    output logic                   dropped
);

  localparam int LL = $clog2(LANES), TW = $clog2(TAGS), SW = $clog2(SLOT / 4), BW = SW - LL;
  localparam int FIRST = LANES == 2 ? 1 : 3;       // lane of the first dword of data, in the beat in which the header ends

  // ------------------------------------------------------------------------------------ requests, split at MRRS

  logic ar_valid, ar_take, ar_id;
  logic [63:0] ar_addr;
  logic [7:0] ar_len;

  sgdma_fifo #(.WIDTH(73), .DEPTH(16)) addresses (
      .clk(clk), .rst(rst),
      .in_valid(arvalid), .in_ready(arready), .in_data({arid, araddr, arlen}),
      .out_valid(ar_valid), .out_ready(ar_take), .out_data({ar_id, ar_addr, ar_len}), .level());

  typedef enum logic [1:0] {NEXT, SIZE, SEND} state_t;
  state_t state_reg;
  logic id_reg, end_reg;
  logic [63:2] address_reg;
  logic [8+LL:0] left_reg;                         // dwords
  logic [SW:0] words_reg;
  wire [7:0] offset = address_reg[9:2] & (max_request[9:2] - 8'd1);
  wire [8:0] room = {1'b0, max_request[9:2]} - {1'b0, offset};
  wire whole = left_reg <= (9 + LL)'(room);
  wire sent = packet_valid && packet_ready;

  // Tags go round; one in quarantine is passed over.
  logic [TAGS-1:0] busy_reg, complete_reg, expired_reg, returned_reg;
  logic [TW-1:0] tag_reg;
  logic order_valid, order_take, order_room;

  assign ar_take = state_reg == NEXT && ar_valid;
  assign packet_valid = state_reg == SEND && !busy_reg[tag_reg] && order_room;

  always_comb begin
    packet.head = sgdma_tlp_pkg::memory_head(1'b0, address_reg, 10'(words_reg),
                              {requester, 8'(tag_reg), words_reg == (SW + 1)'(1) ? 4'h0 : 4'hf, 4'hf}, 32'd0);
    packet.count = |address_reg[63:32] ? 3'd4 : 3'd3;
    packet.words = 9'd0;
    packet.place = 12'd0;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= NEXT;
      tag_reg <= '0;
    end else begin
      case (state_reg)
        NEXT: if (ar_valid) state_reg <= SIZE;
        SIZE: state_reg <= SEND;
        default: if (sent) state_reg <= end_reg ? NEXT : SIZE;
      endcase
      if (sent || (busy_reg[tag_reg] && returned_reg[tag_reg])) tag_reg <= tag_reg + 1'b1;
    end
    if (ar_take) begin
      id_reg <= ar_id;
      address_reg <= ar_addr[63:2];
      left_reg <= (9 + LL)'({9'(ar_len) + 9'd1, {LL{1'b0}}});
    end
    if (state_reg == SIZE) begin
      words_reg <= (SW + 1)'(whole ? left_reg : (9 + LL)'(room));
      end_reg <= whole;
    end
    if (sent) begin
      address_reg <= address_reg + 62'(words_reg);
      left_reg <= left_reg - (9 + LL)'(words_reg);
    end
  end

  // ---------------------------------------------------------------------------- what every tag waits for, and time

  logic [SW:0] left_words [TAGS];                  // dwords still to come
  logic [SW-1:0] done_words [TAGS];
  logic [4:0] low_address [TAGS];                  // of the next dword, as completions say it
  logic [1:0] verdict [TAGS];
  logic [31:0] stamp [TAGS];
  logic [31:0] now_reg, age_reg;
  logic [TW-1:0] scan_reg, aged_reg;
  logic aged_valid_reg;
  logic return_end;                                // the last beat of a tag's data is read
  logic [TW-1:0] return_tag;

  wire old = aged_valid_reg && age_reg >= 32'(TIMEOUT);
  wire ancient = aged_valid_reg && age_reg >= 32'(TIMEOUT) + 32'(QUARANTINE);
  wire expires = old && busy_reg[aged_reg] && !complete_reg[aged_reg] && !expired_reg[aged_reg];
  wire rejoins = aged_valid_reg && busy_reg[aged_reg] && returned_reg[aged_reg] && (complete_reg[aged_reg] || ancient);

  assign timed_out = expires;

  // ------------------------------------------------------------------------------------ completions: do they fit?

  logic [31:0] head0, head1, head2;
  assign {head2, head1, head0} = beat_head;
  wire [TW-1:0] head_tag = head2[8 +: TW];
  wire known = head2[15:8] < 8'(TAGS) && head2[31:16] == requester && busy_reg[head_tag] && !complete_reg[head_tag];
  wire [9:0] head_words = head0[9:0];
  wire fits = head0[30] && head1[15:13] == sgdma_tlp_pkg::STATUS_SUCCESS && head_words != 10'd0
      && 11'(head_words) <= 11'(left_words[head_tag]) && head1[11:0] == 12'({left_words[head_tag], 2'b00})
      && head2[6:0] == {low_address[head_tag], 2'b00};
  wire failure = !head0[30] && head1[15:13] != sgdma_tlp_pkg::STATUS_SUCCESS;

  // The completion under way: registers from its second beat on.
  logic good_reg, failure_reg, poisoned_reg, digest_reg;
  logic [TW-1:0] in_tag_reg;
  logic [9:0] in_words_reg, frame_reg;             // of its header; still to come, digest included
  logic [2:0] in_status_reg;
  logic [TW+SW-1:0] in_place_reg;

  wire good = beat_begins ? known && fits : good_reg;
  wire failed = beat_begins ? known && failure : failure_reg;
  wire poisoned = beat_begins ? head0[14] : poisoned_reg;
  wire digest = beat_begins ? head0[15] : digest_reg;
  wire [2:0] status = beat_begins ? head1[15:13] : in_status_reg;
  wire [TW-1:0] in_tag = beat_begins ? head_tag : in_tag_reg;
  wire [9:0] in_words = beat_begins ? head_words : in_words_reg;
  wire [9:0] frame = beat_begins ? (head0[30] ? head_words : 10'd0) + 10'(head0[15]) : frame_reg;
  wire [9:0] fresh = beat_begins ? 10'(LANES - FIRST) : 10'(LANES);  // lanes for data in this beat
  wire [TW+SW-1:0] in_place = beat_begins ? {head_tag, done_words[head_tag]} - (TW + SW)'(FIRST) : in_place_reg;
  wire framed = beat_last == (frame <= fresh);
  wire ends = beat_valid && beat_last && framed;
  wire arrives = ends && good;
  wire gives_up = ends && failed;
  wire finishes = arrives && 11'(in_words) == 11'(left_words[in_tag]);

  assign dropped = beat_valid && beat_last && !arrives && !gives_up;

  always_ff @(posedge clk) begin
    if (beat_valid) begin
      good_reg <= good && framed;
      failure_reg <= failed && framed;
      poisoned_reg <= poisoned;
      digest_reg <= digest;
      in_status_reg <= status;
      in_tag_reg <= in_tag;
      in_words_reg <= in_words;
      frame_reg <= frame - fresh;
      in_place_reg <= in_place + (TW + SW)'(LANES);
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      {busy_reg, complete_reg, expired_reg, returned_reg} <= '0;
      now_reg <= '0;
      scan_reg <= '0;
      aged_valid_reg <= 1'b0;
    end else begin
      now_reg <= now_reg + 32'd1;
      scan_reg <= scan_reg + 1'b1;
      // A stamp written in this very cycle would be read as it was.
      aged_valid_reg <= busy_reg[scan_reg];
      if (sent) begin
        busy_reg[tag_reg] <= 1'b1;
        complete_reg[tag_reg] <= 1'b0;
        expired_reg[tag_reg] <= 1'b0;
        returned_reg[tag_reg] <= 1'b0;
      end
      if (finishes || gives_up) complete_reg[in_tag] <= 1'b1;
      if (expires) expired_reg[aged_reg] <= 1'b1;
      if (return_end) begin
        if (complete_reg[return_tag]) busy_reg[return_tag] <= 1'b0;
        else returned_reg[return_tag] <= 1'b1;
      end
      if (rejoins) busy_reg[aged_reg] <= 1'b0;
    end
    aged_reg <= scan_reg;
    age_reg <= now_reg - stamp[scan_reg];
    if (sent) begin
      stamp[tag_reg] <= now_reg;
      left_words[tag_reg] <= words_reg;
      done_words[tag_reg] <= '0;
      low_address[tag_reg] <= address_reg[6:2];
      verdict[tag_reg] <= sgdma_tlp_pkg::OKAY;
    end
    if (arrives) begin
      left_words[in_tag] <= left_words[in_tag] - (SW + 1)'(in_words);
      done_words[in_tag] <= done_words[in_tag] + SW'(in_words);
      low_address[in_tag] <= low_address[in_tag] + 5'(in_words);
      if (poisoned) verdict[in_tag] <= sgdma_tlp_pkg::SLVERR;
    end
    if (gives_up) verdict[in_tag] <= status == sgdma_tlp_pkg::STATUS_UNSUPPORTED ? sgdma_tlp_pkg::DECERR : sgdma_tlp_pkg::SLVERR;
  end

  // --------------------------------------------------------------------------- data: a cycle later into the banks

  logic [LANES-1:0] mask_reg;
  logic [DATA_WIDTH-1:0] data_reg;
  logic [TW+SW-1:0] place_reg;
  logic [TW+BW-1:0] read_address;
  logic read_enable;

  always_ff @(posedge clk) begin
    data_reg <= beat_data;
    place_reg <= in_place;
    for (int lane = 0; lane < LANES; lane++)
      mask_reg[lane] <= beat_valid && good && !(beat_begins && lane < FIRST)
          && 10'(lane) - (beat_begins ? 10'(FIRST) : 10'd0) < frame - 10'(digest);
  end

  for (genvar bank = 0; bank < LANES; bank++) begin : g_bank
    logic [31:0] memory [TAGS * SLOT / (4 * LANES)];
    logic [31:0] read_reg;
    wire [LL-1:0] lane = LL'(bank) - place_reg[LL-1:0];
    wire [TW+BW-1:0] address = place_reg[TW+SW-1:LL] + (TW + BW)'({1'b0, LL'(bank)} < {1'b0, place_reg[LL-1:0]});
    always_ff @(posedge clk) begin
      if (mask_reg[lane]) memory[address] <= sgdma_tlp_pkg::swapped(data_reg[32*lane +: 32]);
    end
    always_ff @(posedge clk) begin
      if (read_enable) read_reg <= memory[read_address];
    end
    assign rdata[32*bank +: 32] = read_reg;
  end

  // -------------------------------------------------------------------------------------- data leaves, in order

  logic [TW-1:0] order_tag;
  logic [BW:0] order_beats;
  logic order_id, order_end;
  logic due_reg, run_reg, run_id_reg, run_end_reg;
  logic [BW-1:0] run_beat_reg;
  logic [BW:0] run_left_reg;
  logic [1:0] run_verdict_reg;
  wire go = !rvalid || rready;
  wire run_last = run_left_reg == (BW + 1)'(1);

  sgdma_fifo #(.WIDTH(TW + BW + 3), .DEPTH(TAGS)) order (
      .clk(clk), .rst(rst),
      .in_valid(sent), .in_ready(order_room), .in_data({tag_reg, words_reg[SW:LL], id_reg, end_reg}),
      .out_valid(order_valid), .out_ready(order_take), .out_data({order_tag, order_beats, order_id, order_end}), .level());

  assign order_take = due_reg && (!run_reg || (go && run_last));
  assign read_enable = go;
  assign read_address = {return_tag, run_beat_reg};
  assign return_end = run_reg && go && run_last;

  always_ff @(posedge clk) begin
    if (rst) begin
      due_reg <= 1'b0;
      run_reg <= 1'b0;
      rvalid <= 1'b0;
    end else begin
      due_reg <= order_valid && !order_take && (complete_reg[order_tag] || expired_reg[order_tag]);
      if (order_take) run_reg <= 1'b1;
      else if (return_end) run_reg <= 1'b0;
      if (go) rvalid <= run_reg;
    end
    if (order_take) begin
      return_tag <= order_tag;
      run_beat_reg <= '0;
      run_left_reg <= order_beats;
      run_id_reg <= order_id;
      run_end_reg <= order_end;
      run_verdict_reg <= expired_reg[order_tag] ? sgdma_tlp_pkg::SLVERR : verdict[order_tag];
    end else if (run_reg && go) begin
      run_beat_reg <= run_beat_reg + 1'b1;
      run_left_reg <= run_left_reg - 1'b1;
    end
    if (go) begin
      rid <= run_id_reg;
      rresp <= run_verdict_reg;
      rlast <= run_last && run_end_reg;
    end
  end

  wire unused = &{1'b0, head0, head1, head2, max_request[1:0], ar_addr[1:0]};

endmodule
