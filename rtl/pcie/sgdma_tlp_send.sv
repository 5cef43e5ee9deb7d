// Sends packets: takes them from four senders in turn, one beat a cycle, none lost between two packets.
//
// A packet's dword k goes out in lane k modulo LANES. Data comes from the write buffer's banks, one a lane, whose dword d lies in
// bank d modulo LANES: every bank has its own address, and what they give is rotated into place behind them.
//
//   packet -> [beat: address of each bank, slice of the header] -> [banks] -> [rotate, header in] -> stream
//
// `note` travels with a packet and comes out when the stream has taken the packet's last beat.

module sgdma_tlp_send #(
    parameter int DATA_WIDTH = 64,
    parameter int BEATS = 256,                     // of the write buffer
    parameter int NOTE = 1,
    localparam int LANES = DATA_WIDTH / 32,
    localparam int AW = $clog2(BEATS)
) (
    input  logic                      clk,
    input  logic                      rst,

    input  logic [3:0]                packet_valid,         // the first is first in line
    output logic [3:0]                packet_ready,
    input  sgdma_tlp_pkg::packet_t    answer,               // their packets, in that order
    input  sgdma_tlp_pkg::packet_t    message,
    input  sgdma_tlp_pkg::packet_t    read,
    input  sgdma_tlp_pkg::packet_t    write,
    input  logic [NOTE-1:0]           note,                 // of the write

    output logic [LANES-1:0][AW-1:0]  bank_address,
    output logic                      bank_enable,
    input  logic [LANES-1:0][31:0]    bank_data,            // a cycle later

    output logic                      sent_valid,
    output logic [NOTE-1:0]           sent_note,

    output logic                      out_valid,
    input  logic                      out_ready,
    output logic                      out_first,
    output logic                      out_last,
    output logic [DATA_WIDTH-1:0]     out_data,
    output logic [LANES-1:0]          out_lanes             // dwords of the beat that belong to the packet
);

  localparam int LL = $clog2(LANES);

  wire go = !out_valid || out_ready;

  // ------------------------------------------------------------------------------------- the packet under way

  sgdma_tlp_pkg::packet_t chosen;
  logic [3:0] pick;
  logic busy_reg, first_reg, noted_reg;
  logic [159:0] head_reg;                          // what is left of it
  logic [2:0] count_reg;
  logic [9:0] left_reg;                            // dwords left, header and data
  logic [LL+AW-1:0] place_reg;                     // dword of the buffer that lane 0 would take, were there no header
  logic [NOTE-1:0] note_reg;
  wire last = left_reg <= 10'(LANES);
  wire take = go && (!busy_reg || last);

  always_comb begin
    pick = 4'b0000;
    for (int i = 3; i >= 0; i--) if (packet_valid[i]) pick = 4'(1 << i);
    chosen = pick[0] ? answer : pick[1] ? message : pick[2] ? read : write;
  end

  assign packet_ready = take ? pick : 4'b0000;

  always_ff @(posedge clk) begin
    if (rst) busy_reg <= 1'b0;
    else if (take) busy_reg <= |packet_valid;
    if (take) begin
      first_reg <= 1'b1;
      head_reg <= chosen.head;
      count_reg <= chosen.count;
      left_reg <= {1'b0, chosen.words} + {7'd0, chosen.count};
      place_reg <= chosen.place[LL+AW-1:0] - (LL + AW)'(chosen.count);
      note_reg <= note;
      noted_reg <= pick[3];
    end else if (go) begin
      first_reg <= 1'b0;
      head_reg <= head_reg >> DATA_WIDTH;
      count_reg <= LANES < 5 && count_reg > 3'(LANES) ? count_reg - 3'(LANES) : 3'd0;
      left_reg <= left_reg - 10'(LANES);
      place_reg <= place_reg + (LL + AW)'(LANES);
    end
  end

  // -------------------------------------------------------------------------------------------- the banks' turn

  logic beat_reg, beat_first_reg, beat_last_reg, beat_noted_reg;
  logic [LANES-1:0] lanes_reg, from_head_reg;
  logic [LANES-1:0][31:0] slice_reg;
  logic [LL-1:0] turn_reg;
  logic [NOTE-1:0] beat_note_reg;

  assign bank_enable = go;

  for (genvar bank = 0; bank < LANES; bank++) begin : g_address
    wire wraps = {1'b0, LL'(bank)} < {1'b0, place_reg[LL-1:0]};
    assign bank_address[bank] = place_reg[LL+AW-1:LL] + AW'(wraps);
  end

  always_ff @(posedge clk) begin
    if (rst) beat_reg <= 1'b0;
    else if (go) beat_reg <= busy_reg;
    if (go) begin
      beat_first_reg <= first_reg;
      beat_last_reg <= last;
      beat_noted_reg <= noted_reg && last;
      beat_note_reg <= note_reg;
      turn_reg <= place_reg[LL-1:0];
      for (int lane = 0; lane < LANES; lane++) begin
        lanes_reg[lane] <= left_reg > 10'(lane);
        from_head_reg[lane] <= lane < 5 && count_reg > 3'(lane);
        slice_reg[lane] <= lane < 5 ? head_reg[32*(lane < 5 ? lane : 0) +: 32] : 32'd0;
      end
    end
  end

  // ------------------------------------------------------------------------------------------------- the stream

  logic out_noted_reg;
  logic [NOTE-1:0] out_note_reg;

  assign sent_valid = out_valid && out_ready && out_noted_reg;
  assign sent_note = out_note_reg;

  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (go) out_valid <= beat_reg;
    if (go) begin
      out_first <= beat_first_reg;
      out_last <= beat_last_reg;
      out_lanes <= lanes_reg;
      out_noted_reg <= beat_noted_reg;
      out_note_reg <= beat_note_reg;
      for (int lane = 0; lane < LANES; lane++)
        out_data[32*lane +: 32] <= from_head_reg[lane] ? slice_reg[lane] : bank_data[LL'(lane) + turn_reg];
    end
  end

  wire unused = &{1'b0, chosen.place};

endmodule
