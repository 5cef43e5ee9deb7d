// Completer for BAR0: memory reads and writes of one dword, to the register bus or to the table of MSI-X.
//
//   0x0000  registers        0x8000  MSI-X table, 16 bytes a vector      0x9000  MSI-X pending bits
//   0xa000  counters: requests that timed out, completions dropped, requests not supported
//
// One access at a time, in order. Any other request is answered as unsupported when it wants an answer, else dropped. Registers are
// words: a write that enables less than all four bytes is dropped, but to nothing at all, which is legal and does nothing.

module sgdma_tlp_bar (
    input  logic              clk,
    input  logic              rst,
    input  logic [15:0]       completer,

    input  logic              request_valid,
    output logic              request_ready,
    input  logic [4:0][31:0]  request,

    output logic [15:0]       address,             // of the access; registers below 0x8000
    output logic [31:0]       write_data,
    output logic              register_write,
    output logic              register_read,
    input  logic [31:0]       register_data,       // a cycle after register_read
    output logic              table_write,
    input  logic [31:0]       table_data,          // a cycle after the address

    output logic              packet_valid,
    input  logic              packet_ready,
    output sgdma_tlp_pkg::packet_t           packet,

    output logic              unsupported
);

  typedef enum logic [2:0] {IDLE, JUDGE, ACCESS, FETCH, ANSWER} state_t;
  state_t state_reg;
  logic [4:0][31:0] held_reg;
  logic [31:0] value_reg;
  logic good_reg;

  wire [31:0] head0 = held_reg[0], head1 = held_reg[1];
  wire wide = head0[29];
  wire write = head0[30];
  wire memory = head0[28:24] == sgdma_tlp_pkg::TYPE_MEMORY;
  wire posted = (memory && write) || head0[28:27] == sgdma_tlp_pkg::GROUP_MESSAGE;
  wire one = head0[9:0] == 10'd1;
  wire [3:0] enables = head1[3:0], last_enables = head1[7:4];
  wire [31:0] low = wide ? held_reg[3] : held_reg[2];
  wire poisoned = head0[14];
  wire legal = memory && one && last_enables == 4'h0;

  assign request_ready = state_reg == IDLE;
  assign register_write = state_reg == ACCESS && write && !address[15];
  assign register_read = state_reg == ACCESS && !write && !address[15];
  assign table_write = state_reg == ACCESS && write && address[15];
  assign packet_valid = state_reg == ANSWER;
  assign unsupported = state_reg == JUDGE && !legal;

  // Bytes from the first to the last enabled one; what is not a memory read counts four.
  logic [1:0] first_byte, last_gap;
  wire [3:0] final_enables = one ? enables : last_enables;
  wire [11:0] span = {head0[9:0], 2'b00} - 12'(first_byte) - 12'(last_gap);

  always_comb begin
    first_byte = enables[0] ? 2'd0 : enables[1] ? 2'd1 : enables[2] ? 2'd2 : enables[3] ? 2'd3 : 2'd0;
    last_gap = final_enables[3] ? 2'd0 : final_enables[2] ? 2'd1 : final_enables[1] ? 2'd2 : 2'd3;
  end

  always_comb begin
    // Traffic class and attributes are those of the request.
    packet.head[31:0] = sgdma_tlp_pkg::first_dword(good_reg, 1'b0, sgdma_tlp_pkg::TYPE_COMPLETION, good_reg ? 10'd1 : 10'd0)
        | {9'd0, head0[22:20], 6'd0, head0[13:12], 12'd0};
    packet.head[63:32] = {completer, good_reg ? sgdma_tlp_pkg::STATUS_SUCCESS : sgdma_tlp_pkg::STATUS_UNSUPPORTED, 1'b0,
                          memory ? span : 12'd4};
    packet.head[95:64] = {head1[31:8], 1'b0, memory ? {low[6:2], first_byte} : 7'd0};
    packet.head[159:96] = {32'd0, sgdma_tlp_pkg::swapped(value_reg)};
    packet.count = good_reg ? 3'd4 : 3'd3;
    packet.words = 9'd0;
    packet.place = 12'd0;
  end

  always_ff @(posedge clk) begin
    if (rst) state_reg <= IDLE;
    else
      case (state_reg)
        IDLE: if (request_valid) state_reg <= JUDGE;
        JUDGE:
          if (legal && !(write && (enables != 4'hf || poisoned))) state_reg <= ACCESS;
          else state_reg <= posted ? IDLE : ANSWER;
        ACCESS: state_reg <= write ? IDLE : FETCH;
        FETCH: state_reg <= ANSWER;
        default: if (packet_ready) state_reg <= IDLE;
      endcase
    if (state_reg == IDLE) held_reg <= request;
    if (state_reg == JUDGE) begin
      good_reg <= legal;
      address <= {low[15:2], 2'b00};
      write_data <= sgdma_tlp_pkg::swapped(wide ? held_reg[4] : held_reg[3]);
    end
    if (state_reg == FETCH) value_reg <= address[15] ? table_data : register_data;
  end

  wire unused = &{1'b0, head0, low, final_enables[0]};

endmodule
