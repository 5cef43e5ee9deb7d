// H2C realigner: packs memory beats, of which any contiguous lanes are valid, into a stream without holes.
//
// One beat in and one beat out a cycle; a last beat whose bytes overflow the output word takes one cycle more. With REALIGN
// off, valid lanes start at lane 0 and only the last beat of a packet may be partial; then nothing is between in and out.

module sgdma_pack #(
    parameter int DATA_WIDTH = 64,
    parameter bit REALIGN = 1,
    parameter int GRANULE = 1,                     // lanes move by multiples of it
    localparam int BYTES = DATA_WIDTH / 8,
    localparam int LB = $clog2(BYTES)
) (
    input  logic                  clk,
    input  logic                  rst,

    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic [DATA_WIDTH-1:0] in_data,
    input  logic [LB-1:0]         in_lane,         // first valid byte
    input  logic [LB:0]           in_count,        // valid bytes; 0 only with in_last
    input  logic                  in_last,
    input  logic                  in_error,

    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [DATA_WIDTH-1:0] out_data,
    output logic [BYTES-1:0]      out_keep,
    output logic                  out_last,
    output logic                  out_error
);

  if (!REALIGN) begin : g_straight
    assign in_ready = out_ready;
    assign out_valid = in_valid;
    assign out_data = in_data;
    assign out_keep = {BYTES{1'b1}} >> ((LB + 1)'(BYTES) - in_count);
    assign out_last = in_last;
    assign out_error = in_error && in_last;
    wire unused = &{1'b0, clk, rst, in_lane};
  end else begin : g_realign
    localparam int GL = $clog2(GRANULE);

    // ----------------------------------------------------------------------------------- stage 1: rotate lanes

    logic turn_valid_reg, turn_last_reg, turn_error_reg;
    logic [DATA_WIDTH-1:0] turn_data_reg, turned;
    logic [LB-1:0] fill_reg;                         // bytes of the packet so far, modulo the word
    logic [LB-1:0] turn_fill_reg;
    logic [LB:0] turn_count_reg;
    logic merge_ready;

    wire in_take = in_valid && in_ready;
    wire [LB-1:0] distance = (fill_reg - in_lane) >> GL << GL;
    wire [2*DATA_WIDTH-1:0] doubled = {in_data, in_data} << {distance, 3'b0};

    assign turned = doubled[2*DATA_WIDTH-1:DATA_WIDTH];
    assign in_ready = !turn_valid_reg || merge_ready;

    always_ff @(posedge clk) begin
      if (rst) begin
        turn_valid_reg <= 1'b0;
        fill_reg <= '0;
      end else begin
        if (in_ready) turn_valid_reg <= in_valid;
        if (in_take) fill_reg <= in_last ? '0 : fill_reg + LB'(in_count);
      end
    end

    always_ff @(posedge clk) begin
      if (in_take) begin
        turn_data_reg <= turned;
        turn_fill_reg <= fill_reg;
        turn_count_reg <= in_count;
        turn_last_reg <= in_last;
        turn_error_reg <= in_error;
      end
    end

    // -------------------------------------------------------------------------- stage 2: merge with what is held

    logic [DATA_WIDTH-1:0] held_reg, merged;
    logic flush_reg;                                 // the held bytes are a packet's last word
    logic [LB:0] flush_count_reg;
    logic flush_error_reg;

    wire [LB+1:0] total = (LB + 2)'(turn_fill_reg) + (LB + 2)'(turn_count_reg);
    wire full = total >= (LB + 2)'(BYTES);
    wire spill = total > (LB + 2)'(BYTES);
    wire out_move = !out_valid || out_ready;
    wire emit = turn_valid_reg && !flush_reg && (full || turn_last_reg);
    wire take = turn_valid_reg && !flush_reg && (out_move || !emit);
    wire [LB:0] whole = (LB + 1)'(BYTES);
    wire [LB:0] amount = flush_reg ? flush_count_reg : (full ? whole : total[LB:0]);

    assign merge_ready = take;

    always_comb begin
      for (int i = 0; i < BYTES; i++) begin
        merged[8*i +: 8] = i < 32'(turn_fill_reg) ? held_reg[8*i +: 8] : turn_data_reg[8*i +: 8];
      end
    end

    always_ff @(posedge clk) begin
      if (rst) begin
        flush_reg <= 1'b0;
        out_valid <= 1'b0;
      end else begin
        if (out_move) begin
          out_valid <= emit || flush_reg;
          flush_reg <= emit && spill && turn_last_reg;
        end
      end
    end

    always_ff @(posedge clk) begin
      if (out_move) begin
        out_data <= flush_reg ? held_reg : merged;
        for (int i = 0; i < BYTES; i++) out_keep[i] <= i < 32'(amount);
        out_last <= flush_reg || (turn_last_reg && !spill);
        out_error <= flush_reg ? flush_error_reg : (turn_error_reg && turn_last_reg && !spill);
      end
      if (take) begin
        held_reg <= full ? turn_data_reg : merged;
        flush_count_reg <= (LB + 1)'(total - (LB + 2)'(BYTES));
        flush_error_reg <= turn_error_reg;
      end
    end

    wire unused = &{1'b0, doubled, distance, held_reg};
  end

endmodule
