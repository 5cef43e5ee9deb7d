// C2H realigner: cuts a stream into memory beats whose valid lanes start anywhere, one beat a cycle.
//
// The want side says which lanes the next memory beat needs and whether it ends the packet; the beat comes out when the
// stream has its bytes. `out_early` says instead that the packet has ended before them, and is taken with what was left of it;
// `out_broken` that this last beat of the request is not exactly the end of the packet. With REALIGN off every beat starts at lane
// 0, only the request's last may be partial, and nothing is shifted.

module sgdma_unpack #(
    parameter int DATA_WIDTH = 64,
    parameter bit REALIGN = 1,
    parameter int GRANULE = 1,
    localparam int BYTES = DATA_WIDTH / 8,
    localparam int LB = $clog2(BYTES)
) (
    input  logic                  clk,
    input  logic                  rst,

    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic [DATA_WIDTH-1:0] in_data,
    input  logic [BYTES-1:0]      in_keep,
    input  logic                  in_last,
    input  logic                  in_error,

    input  logic                  want_valid,      // not while something is thrown away
    input  logic [LB-1:0]         want_lane,
    input  logic [LB:0]           want_count,
    input  logic                  want_last,       // ends the request
    input  logic                  discard,         // throw away the stream up to and including TLAST
    output logic                  discarded,       // TLAST has gone by

    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [DATA_WIDTH-1:0] out_data,
    output logic                  out_early,
    output logic                  out_broken,
    output logic                  out_open,        // the packet goes on behind this beat
    output logic                  out_error        // user logic flagged this word
);

  localparam int GL = $clog2(GRANULE);

  logic full_reg, last_reg, error_reg;
  logic [DATA_WIDTH-1:0] held_reg;
  logic [BYTES-1:0] keep_reg;
  logic [LB-1:0] used_reg;                         // bytes of the held word that are gone

  wire [LB+1:0] reach = (LB + 2)'(used_reg) + (LB + 2)'(want_count);
  wire over = REALIGN && reach > (LB + 2)'(BYTES); // the next word is needed too
  wire exact = REALIGN ? reach == (LB + 2)'(BYTES) : want_count[LB];
  wire enough = full_reg && (!over || last_reg || in_valid);
  wire early = full_reg && last_reg && (over || (exact && !want_last));
  wire take = out_valid && out_ready;
  wire drain = discard && full_reg;

  assign out_valid = want_valid && enough;
  assign out_early = early;
  assign out_open = !(over ? in_last : last_reg);
  assign out_error = (error_reg && full_reg) || (over && in_error);

  // The last word must end the packet with exactly the bytes that are left of it.
  function automatic logic exact_end(input logic last, input logic [BYTES-1:0] keep, input logic [LB+1:0] bytes);
    exact_end = last;
    for (int i = 0; i < BYTES; i++) if (keep[i] != (i < 32'(bytes))) exact_end = 1'b0;
  endfunction

  wire [LB+1:0] beyond = reach - (LB + 2)'(BYTES);
  assign out_broken = want_last && !(over ? exact_end(in_last, in_keep, beyond) : exact_end(last_reg, keep_reg, reach));

  // Window of two words, moved so that the first unused byte stands at the wanted lane.
  if (REALIGN) begin : g_shift
    wire [LB-1:0] distance = (used_reg - want_lane) >> GL << GL;
    wire wraps = used_reg < want_lane;             // all bytes from the held word, moved up
    wire [2*DATA_WIDTH-1:0] window = {wraps ? held_reg : in_data, held_reg} >> {distance, 3'b0};
    assign out_data = window[DATA_WIDTH-1:0];
    wire unused = &{1'b0, window, distance};
  end else begin : g_straight
    assign out_data = held_reg;
    wire unused = &{1'b0, want_lane};
  end

  // The held word is given up when its bytes are used or the packet ends early or the request ends in it; a request that ends in
  // the next word takes that word away too.
  wire lost = over && last_reg;
  wire gone = take && (!REALIGN || over || exact || want_last);
  wire swallow = take && over && want_last && !last_reg;
  wire held_free = !full_reg || gone || drain;

  assign in_ready = held_free;
  assign discarded = drain && last_reg;

  always_ff @(posedge clk) begin
    if (rst) begin
      full_reg <= 1'b0;
      used_reg <= '0;
    end else begin
      if (held_free) full_reg <= in_valid && !swallow;
      if (drain || (take && (want_last || lost))) used_reg <= '0;
      else if (take) used_reg <= REALIGN ? LB'(reach) : '0;
    end
  end

  always_ff @(posedge clk) begin
    if (held_free) begin
      held_reg <= in_data;
      keep_reg <= in_keep;
      last_reg <= in_last;
      error_reg <= in_error;
    end
  end

endmodule
