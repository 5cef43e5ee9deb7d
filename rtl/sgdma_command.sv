// Commands to a queue pair: whether one may be carried out, and what software reads of it.
//
// A command is judged in one cycle, from what of its configuration was looked at in the cycle before, and carried out in the next.

module sgdma_command #(
    parameter int QUEUES = 4,
    parameter int TABLE_ALIGN = 256,
    parameter longint TABLE_BOUNDARY = 0,
    parameter int ADDRESS_BITS = 64,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int CQ = sgdma_pkg::CQ_PTR
) (
    input  logic              clk,
    input  logic              rst,

    input  logic [7:0]        cfg_queue,
    input  logic [63:0]       cfg_sq_base,
    input  logic [63:0]       cfg_cq_base,
    input  logic [4:0]        cfg_sq_log2,
    input  logic [4:0]        cfg_cq_log2,
    input  logic              cmd_valid,
    input  logic [2:0]        cmd_op,
    output logic [3:0]        cmd_result,

    input  logic [3:0]        state,        // of the selected queue
    input  logic [3:0]        error,
    input  logic              busy,         // it still waits for an answer of memory

    output logic              perform,      // the command is carried out
    output logic              start,        // it is START
    output logic [2:0]        op,
    output logic [SQ-1:0]     sq_mask,      // entries of the rings less one, a cycle late
    output logic [CQ-1:0]     cq_mask
);

  logic [3:0] result_reg, result_next;

  wire selected = 32'(cfg_queue) < QUEUES;
  wire bad_size = cfg_sq_log2 < 5'd2 || cfg_sq_log2 > 5'd19 || cfg_cq_log2 < 5'd1 || cfg_cq_log2 > 5'd15;
  wire bad_align = ((cfg_sq_base[15:0] | cfg_cq_base[15:0]) & 16'(TABLE_ALIGN - 1)) != 16'd0;

  // Looked at in one cycle and judged in the next: the configuration registers are stable for that long before a command. A ring of
  // 2**n bytes crosses a multiple of a power of two when that is less (`long`), or when its base has only ones from bit n up to
  // there (`near` what a ring can reach, and `far`) and not only zeros below: TABLE_ALIGN is asked for first, and no ring is
  // shorter
  // than that and 64 bytes.
  localparam int REACH = 24;                       // a ring has at most 2**(REACH - 1) bytes
  localparam int ALIGN = TABLE_ALIGN > 64 ? 6 : $clog2(TABLE_ALIGN);
  logic bad_size_reg, bad_align_reg;
  logic [1:0] beyond_reg;                          // 0 submission ring, 1 completion ring
  logic [1:0][2:0] boundary_reg, reach_reg;        // {long, near, far}
  wire [1:0][63:0] base = {cfg_cq_base, cfg_sq_base};
  wire [1:0][REACH-1:0] spans = {REACH'({cq_mask, 5'h1f}), {sq_mask, 4'hf}};

  function automatic logic [2:0] crossing(input logic [63:0] first, input logic [REACH-1:0] span, input int edge_log2);
    logic [REACH-1:0] up;
    logic [64:REACH] high;                         // a carry finds out whether all are ones
    up = first[REACH-1:0] | span;
    high = {1'b0, first[63:REACH]};
    for (int i = 0; i < REACH; i++) if (i >= edge_log2) up[i] = 1'b1;
    for (int i = REACH; i < 64; i++) if (i >= edge_log2) high[i] = 1'b1;
    high = high + 1'b1;
    crossing = {edge_log2 < REACH && (span >> edge_log2) != '0, &up && ((first[REACH-1:0] & span) >> ALIGN) != '0, high[64]};
  endfunction

  function automatic logic crosses(input logic [2:0] found);
    crosses = found[2] || &found[1:0];
  endfunction
  localparam int EDGE = TABLE_BOUNDARY != 0 ? $clog2(TABLE_BOUNDARY) : 64;
  localparam logic [63:0] BEYOND = ADDRESS_BITS < 64 ? ~64'd0 << ADDRESS_BITS : 64'd0;

  always_ff @(posedge clk) begin
    bad_size_reg <= bad_size;
    bad_align_reg <= bad_align;
    sq_mask <= ~({SQ{1'b1}} << cfg_sq_log2);
    cq_mask <= ~({CQ{1'b1}} << cfg_cq_log2);
    for (int r = 0; r < 2; r++) begin
      beyond_reg[r] <= (base[r] & BEYOND) != '0;
      boundary_reg[r] <= TABLE_BOUNDARY != 0 ? crossing(base[r], spans[r], EDGE) : '0;
      reach_reg[r] <= crossing(base[r], spans[r], ADDRESS_BITS);
    end
  end

  wire bad_boundary = crosses(boundary_reg[0]) || crosses(boundary_reg[1]);
  wire bad_reach = |beyond_reg || crosses(reach_reg[0]) || crosses(reach_reg[1]);

  wire may_stop = state == sgdma_pkg::QUEUE_STOPPED || state == sgdma_pkg::QUEUE_ERROR;
  wire may_abort = state == sgdma_pkg::QUEUE_RUNNING || state == sgdma_pkg::QUEUE_STOPPING
      || state == sgdma_pkg::QUEUE_STOPPED
      || (state == sgdma_pkg::QUEUE_ERROR && (error == sgdma_pkg::QERR_SQ_DOORBELL
                                              || error == sgdma_pkg::QERR_CQ_DOORBELL));

  always_comb begin
    result_next = sgdma_pkg::RESULT_BAD_STATE;
    if (!selected) result_next = sgdma_pkg::RESULT_BAD_QUEUE;
    else begin
      case (cmd_op)
        sgdma_pkg::CMD_START:
          if (state == sgdma_pkg::QUEUE_IDLE) begin
            result_next = bad_size_reg     ? sgdma_pkg::RESULT_BAD_SIZE
                        : bad_align_reg    ? sgdma_pkg::RESULT_TABLE_ALIGN
                        : bad_boundary     ? sgdma_pkg::RESULT_TABLE_BOUNDARY
                        : bad_reach        ? sgdma_pkg::RESULT_ADDRESS_BITS
                        :                    sgdma_pkg::RESULT_OK;
          end
        sgdma_pkg::CMD_STOP:
          if (state == sgdma_pkg::QUEUE_RUNNING) result_next = sgdma_pkg::RESULT_OK;
        sgdma_pkg::CMD_RESUME:
          if (state == sgdma_pkg::QUEUE_STOPPED) result_next = sgdma_pkg::RESULT_OK;
        sgdma_pkg::CMD_ABORT:
          if (may_abort) result_next = sgdma_pkg::RESULT_OK;
        sgdma_pkg::CMD_RELEASE:
          if (may_stop && !busy) result_next = sgdma_pkg::RESULT_OK;
        default: result_next = sgdma_pkg::RESULT_BAD_COMMAND;
      endcase
    end
  end

  // Judged in one cycle and carried out in the next, like a doorbell: register writes are further apart.
  assign cmd_result = result_reg;

  always_ff @(posedge clk) begin
    perform <= cmd_valid && !rst && result_next == sgdma_pkg::RESULT_OK;
    start <= cmd_valid && !rst && result_next == sgdma_pkg::RESULT_OK && cmd_op == sgdma_pkg::CMD_START;
    op <= cmd_op;
    if (rst) result_reg <= '0;
    else if (cmd_valid) result_reg <= result_next;
  end

endmodule
