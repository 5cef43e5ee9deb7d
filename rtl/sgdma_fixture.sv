// Test fixture on the user side of the core: loopback, pattern generator and checker, card memory, counters.
//
// The same hardware stands in the simulator and on a board, so both report the same figures. Ports of a request: 0 loopback
// (H2C packets come back as C2H packets), 1 pattern (H2C checked, C2H generated), 2 card memory.

module sgdma_fixture #(
    parameter int DATA_WIDTH = 64,
    parameter int MEMORY_BYTES = 65536,
    parameter int LOOPBACK_BYTES = 16384,
    localparam int BYTES = DATA_WIDTH / 8
) (
    input  logic                  clk,
    input  logic                  rst,

    input  logic                  hold_h2c,
    input  logic                  hold_c2h,
    input  logic                  fail_c2h,
    input  logic                  short_c2h,
    input  logic                  reset,
    input  logic [31:0]           seed,
    output logic [31:0]           checked_beats,
    output logic [31:0]           check_errors,
    output logic [31:0]           first_error,

    input  logic                  h2c_cmd_valid,
    output logic                  h2c_cmd_ready,
    input  logic [47:0]           h2c_cmd_address,
    input  logic [1:0]            h2c_cmd_port,
    input  logic                  h2c_valid,
    output logic                  h2c_ready,
    input  logic [DATA_WIDTH-1:0] h2c_data,
    input  logic [BYTES-1:0]      h2c_keep,
    input  logic                  h2c_last,
    input  logic                  h2c_error,
    input  logic                  c2h_cmd_valid,
    output logic                  c2h_cmd_ready,
    input  logic [47:0]           c2h_cmd_address,
    input  logic [31:0]           c2h_cmd_length,
    input  logic [1:0]            c2h_cmd_port,
    input  logic                  c2h_cancel,
    output logic                  c2h_valid,
    input  logic                  c2h_ready,
    output logic [DATA_WIDTH-1:0] c2h_data,
    output logic [BYTES-1:0]      c2h_keep,
    output logic                  c2h_last,
    output logic                  c2h_error
);

  localparam int LB = $clog2(BYTES);
  localparam int WORDS = DATA_WIDTH / 32;
  localparam int ROWS = MEMORY_BYTES / BYTES;
  localparam int RW = $clog2(ROWS);

  function automatic logic [31:0] mix(input logic [31:0] x);
    mix = x;
    mix = mix ^ (mix << 13);
    mix = mix ^ (mix >> 17);
    mix = mix ^ (mix << 5);
  endfunction

  // The pattern of the beat that starts at a card address. A beat is aligned (what is skewed is in error anyway) and `mix` is
  // linear, so that word i of it differs from its first one by a constant.
  function automatic logic [DATA_WIDTH-1:0] pattern(input logic [31:0] word, input logic [31:0] key);
    for (int i = 0; i < WORDS; i++) pattern[32*i +: 32] = mix(key ^ word) ^ mix(32'(i));
  endfunction

  // Requests of both directions that meet at one address race, so a block memory may answer anything.
  (* no_rw_check *) logic [DATA_WIDTH-1:0] memory [ROWS];

  // ----------------------------------------------------------------------------------------------- H2C side

  logic h2c_busy_reg, h2c_skewed_reg;
  logic [1:0] h2c_port_reg;
  logic [47:0] h2c_address_reg;
  logic loop_in_ready;
  logic [31:0] checked_reg, errors_reg, first_reg;

  wire h2c_take = h2c_valid && h2c_ready;
  wire to_loop = h2c_port_reg == sgdma_pkg::PORT_LOOPBACK;
  wire to_memory = h2c_port_reg == sgdma_pkg::PORT_MEMORY && !h2c_skewed_reg;
  wire check = h2c_take && h2c_port_reg == sgdma_pkg::PORT_PATTERN;
  logic [DATA_WIDTH-1:0] expected;
  logic differs;

  assign h2c_cmd_ready = !h2c_busy_reg || (h2c_take && h2c_last);
  assign h2c_ready = h2c_busy_reg && !hold_h2c && (!to_loop || loop_in_ready);
  assign checked_beats = checked_reg;
  assign check_errors = errors_reg;
  assign first_error = first_reg;

  always_comb begin
    differs = 1'b0;
    expected = '0;
    if (check) begin
      expected = pattern(h2c_address_reg[33:2], seed);
      for (int i = 0; i < BYTES; i++) if (h2c_keep[i] && h2c_data[8*i +: 8] != expected[8*i +: 8]) differs = 1'b1;
    end
  end

  wire wrong = (check && (differs || h2c_skewed_reg))
      || (h2c_take && h2c_skewed_reg && h2c_port_reg == sgdma_pkg::PORT_MEMORY);

  always_ff @(posedge clk) begin
    if (rst) h2c_busy_reg <= 1'b0;
    else if (h2c_cmd_valid && h2c_cmd_ready) h2c_busy_reg <= 1'b1;
    else if (h2c_take && h2c_last) h2c_busy_reg <= 1'b0;

    if (rst || reset) begin
      checked_reg <= 32'd0;
      errors_reg <= 32'd0;
      first_reg <= 32'd0;
    end else begin
      if (check) checked_reg <= checked_reg + 32'd1;
      if (wrong) errors_reg <= errors_reg + 32'd1;
      if (wrong && errors_reg == 32'd0) first_reg <= h2c_address_reg[31:0];
    end
  end

  always_ff @(posedge clk) begin
    if (h2c_cmd_valid && h2c_cmd_ready) begin
      h2c_port_reg <= h2c_cmd_port;
      h2c_address_reg <= h2c_cmd_address;
      h2c_skewed_reg <= h2c_cmd_address[LB-1:0] != '0 && h2c_cmd_port != sgdma_pkg::PORT_LOOPBACK;
    end else if (h2c_take) h2c_address_reg[47:LB] <= h2c_address_reg[47:LB] + 1'b1;
    if (h2c_take && to_memory) begin
      for (int i = 0; i < BYTES; i++) if (h2c_keep[i]) memory[h2c_address_reg[RW+LB-1:LB]][8*i +: 8] <= h2c_data[8*i +: 8];
    end
  end

  // ----------------------------------------------------------------------------------------------- loopback

  localparam int LOOP = DATA_WIDTH + BYTES + 2;
  localparam int LOOP_BEATS = LOOPBACK_BYTES / BYTES;
  logic loop_valid, loop_ready, loop_last, loop_error;
  logic [DATA_WIDTH-1:0] loop_data;
  logic [BYTES-1:0] loop_keep;
  logic [$clog2(LOOP_BEATS):0] loop_free;

  sgdma_packet_fifo #(.WIDTH(LOOP), .DEPTH(LOOP_BEATS), .PLAIN(1)) loop (
      .clk(clk), .rst(rst || reset),
      .in_valid(h2c_take && to_loop), .in_data({h2c_data, h2c_keep, h2c_last, h2c_error}),
      .commit(1'b1), .rollback(1'b0), .free(loop_free),
      .out_valid(loop_valid), .out_ready(loop_ready), .out_data({loop_data, loop_keep, loop_last, loop_error}));

  assign loop_in_ready = |loop_free[$clog2(LOOP_BEATS):1];  // the count is a cycle old

  // ----------------------------------------------------------------------------------------------- C2H side
  // One beat of read latency for the card memory: a stage that fetches, a stage that shows.

  logic c2h_busy_reg, c2h_skewed_reg, first_beat_reg, show_reg;
  logic [1:0] c2h_port_reg;
  logic [47:0] c2h_address_reg;
  logic [31:0] c2h_left_reg;
  logic [DATA_WIDTH-1:0] show_data_reg;
  logic [BYTES-1:0] show_keep_reg;
  logic show_last_reg, show_error_reg;

  wire from_loop = c2h_port_reg == sgdma_pkg::PORT_LOOPBACK;
  wire show_free = !show_reg || c2h_ready;
  wire ended = c2h_left_reg[31:LB+1] == '0 && (!c2h_left_reg[LB] || c2h_left_reg[LB-1:0] == '0);  // a beat or less is left
  // A packet ends early on demand, and when the core cancels its request.
  // `c2h_cancel` means the packet that the next accepted beat belongs to: not this one while its predecessor's last beat shows.
  wire cancel = c2h_cancel && !(show_reg && show_last_reg);
  wire stop = cancel || (short_c2h && first_beat_reg);
  // A loopback packet that was begun and is cut off is emptied up to its end.
  logic drain_reg;
  wire source_valid = c2h_busy_reg && !drain_reg && (cancel || (!hold_c2h && (!from_loop || loop_valid)));
  wire source_take = source_valid && show_free;
  wire source_last = stop || (from_loop ? loop_last : ended);

  assign c2h_cmd_ready = !c2h_busy_reg || (source_take && source_last);
  assign loop_ready = drain_reg || (source_take && from_loop && !cancel);
  wire loop_begun = from_loop && !first_beat_reg;
  wire loop_cut = source_take && source_last && (cancel ? loop_begun : from_loop && !loop_last);
  assign c2h_valid = show_reg;
  assign c2h_keep = show_keep_reg;
  assign c2h_last = show_last_reg;
  assign c2h_error = show_error_reg;

  always_ff @(posedge clk) begin
    if (rst) begin
      c2h_busy_reg <= 1'b0;
      show_reg <= 1'b0;
      drain_reg <= 1'b0;
    end else begin
      if (reset || (drain_reg && loop_valid && loop_last)) drain_reg <= 1'b0;
      else if (loop_cut) drain_reg <= 1'b1;
      if (c2h_cmd_valid && c2h_cmd_ready) c2h_busy_reg <= 1'b1;
      else if (source_take && source_last) c2h_busy_reg <= 1'b0;
      if (show_free) show_reg <= source_take;
    end
  end

  logic show_memory_reg;
  logic [DATA_WIDTH-1:0] memory_reg;               // the block memory's own output register

  assign c2h_data = show_memory_reg ? memory_reg : show_data_reg;

  always_ff @(posedge clk) if (source_take) memory_reg <= memory[c2h_address_reg[RW+LB-1:LB]];

  always_ff @(posedge clk) begin
    if (c2h_cmd_valid && c2h_cmd_ready) begin
      c2h_port_reg <= c2h_cmd_port;
      c2h_address_reg <= c2h_cmd_address;
      c2h_left_reg <= c2h_cmd_length;
      c2h_skewed_reg <= c2h_cmd_address[LB-1:0] != '0 && c2h_cmd_port != sgdma_pkg::PORT_LOOPBACK;
      first_beat_reg <= 1'b1;
    end else if (source_take) begin
      c2h_address_reg[47:LB] <= c2h_address_reg[47:LB] + 1'b1;
      c2h_left_reg[31:LB] <= c2h_left_reg[31:LB] - 1'b1;
      first_beat_reg <= 1'b0;
    end
    if (source_take) begin
      if (from_loop) show_data_reg <= loop_data;
      else if (c2h_port_reg == sgdma_pkg::PORT_PATTERN) show_data_reg <= pattern(c2h_address_reg[33:2], seed);
      show_memory_reg <= c2h_port_reg == sgdma_pkg::PORT_MEMORY;
      show_last_reg <= source_last;
      show_error_reg <= (source_last && fail_c2h) || c2h_skewed_reg || (from_loop && loop_error && loop_last);
      if (from_loop) show_keep_reg <= loop_keep;
      else for (int i = 0; i < BYTES; i++) show_keep_reg[i] <= !ended || (LB + 1)'(i) < c2h_left_reg[LB:0];
    end
  end

  wire unused = &{1'b0, h2c_address_reg, c2h_address_reg, loop_free};

endmodule
