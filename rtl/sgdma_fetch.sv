// Descriptor prefetch: reads submission rings in aligned bursts of up to 16 slots, many outstanding, and keeps the slots
// of every queue in its own region of one block memory until the checker has consumed them.
//
// A slot's place in its region is its ring index modulo PREFETCH, so a beat always lands in one row. After a read that
// was answered by an error the slots of that queue are not to be trusted (`bad`).

module sgdma_fetch #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int QUEUES = 4,
    parameter int PREFETCH = 256,
    localparam int QW = QUEUES > 1 ? $clog2(QUEUES) : 1,
    localparam int SQ = sgdma_pkg::SQ_PTR,
    localparam int FILL = $clog2(PREFETCH) + 1     // bits that tell slots between head and tail of the prefetch
) (
    input  logic                      clk,
    input  logic                      rst,

    input  logic [QUEUES-1:0]         fetching,
    input  logic [QUEUES-1:0]         restart,
    input  logic                      hold,       // a restart is under way: the table of indices has one writer
    input  logic                      doorbell,   // the tail of a queue moves
    input  logic [QW-1:0]             doorbell_queue,
    output logic [QW-1:0]             base_queue,
    input  logic [63:0]               base_address,
    input  logic [SQ-1:0]             base_mask,  // slots of the ring less one
    input  logic [SQ-1:0]             base_tail,
    input  logic [SQ-1:0]             base_head,
    output logic [QUEUES-1:0]         busy,       // bursts of this queue are under way
    output logic                      error,
    output logic [QW-1:0]             error_queue,

    // Read bursts.
    output logic                      ar_valid,
    input  logic                      ar_ready,
    output logic [ADDR_WIDTH-1:0]     ar_addr,
    output logic [7:0]                ar_len,
    input  logic                      r_valid,
    input  logic [DATA_WIDTH-1:0]     r_data,
    input  logic                      r_error,
    input  logic                      r_last,

    // Slots for the checker: those of a queue arrive; the first one not yet there of the queue that is read, low bits, once
    // some have arrived; a read port of one cycle's latency, of two where a beat has whole slots.
    output logic                      arrival,
    output logic [QW-1:0]             arrival_queue,
    output logic [FILL-1:0]           filled,
    output logic [QUEUES-1:0]         bad,
    input  logic                      read_enable,
    input  logic [QW-1:0]             read_queue,
    input  logic [SQ-1:0]             read_index,
    output logic [127:0]              read_slot
);

  localparam int CHUNK_LOG2 = 4;
  localparam int CHUNK = 1 << CHUNK_LOG2;
  localparam int BEAT_BYTES = DATA_WIDTH / 8;
  localparam int ROW_WIDTH = DATA_WIDTH < 128 ? 128 : DATA_WIDTH;
  localparam int LANES = ROW_WIDTH / 128;                           // slots of a row
  localparam int LANE = $clog2(LANES);
  localparam int REGION = $clog2(PREFETCH) - LANE;                  // rows of a queue's region, log2
  localparam int ROWS = QUEUES << REGION;
  localparam int RW = $clog2(ROWS);

  if (PREFETCH < 2 * CHUNK || (1 << $clog2(PREFETCH)) != PREFETCH) begin : g_bad_prefetch
    $error("sgdma_fetch: PREFETCH = %0d must be a power of two of at least %0d", PREFETCH, 2 * CHUNK);
  end

  // ------------------------------------------------------------------------------------- requests to memory

  typedef enum logic {PICK, SEND} state_t;
  state_t state_reg;
  logic [QW-1:0] queue_reg;
  logic [SQ-1:0] next_slot;                                         // first slot not yet asked for
  logic [SQ-1:0] log_next;                                          // the same of the queue whose slots arrived
  logic [QUEUES-1:0] bad_reg, busy_reg;
  logic [ADDR_WIDTH-1:0] addr_reg;
  logic [7:0] len_reg;
  logic log_ready;

  // One queue is looked at a cycle. It wants a fetch when slots are waiting and a whole chunk has room: no more than PREFETCH
  // slots lie between head and next, so the low bits of their distance tell.
  wire [SQ-1:0] tail = base_tail;
  logic taken_reg;                                                  // a chunk was found in the cycle before
  logic [SQ-1:0] first_reg, past_reg;
  wire [FILL-1:0] ahead = FILL'(taken_reg ? past_reg : next_slot) - FILL'(base_head);
  wire roomy = !ahead[FILL-1] && !(&ahead[FILL-2:CHUNK_LOG2] && ahead[CHUNK_LOG2-1:0] != '0);     // at most PREFETCH - CHUNK
  logic [QUEUES-1:0] room_reg;                                      // when last looked at: no queue is asked while its slot moves
  always_ff @(posedge clk) room_reg[queue_reg] <= roomy;
  wire want = fetching[queue_reg] && !bad_reg[queue_reg] && next_slot != tail && room_reg[queue_reg];
  wire [QW-1:0] queue_up = 32'(queue_reg) == QUEUES - 1 ? '0 : queue_reg + 1'b1;

  // A chunk ends at the tail, at a multiple of 16 slots, or at the end of a ring smaller than that.
  wire [CHUNK_LOG2-1:0] edge_mask = base_mask[CHUNK_LOG2-1:0];
  wire [CHUNK_LOG2-1:0] to_edge = ~next_slot[CHUNK_LOG2-1:0] & edge_mask;          // slots less one
  wire [CHUNK_LOG2-1:0] to_tail = tail[CHUNK_LOG2-1:0] + ~next_slot[CHUNK_LOG2-1:0];
  wire [SQ-1:0] span = SQ'(edge_mask);
  wire near = ((next_slot ^ tail) & ~span) == '0;                                 // the tail is in this chunk
  wire [SQ-1:0] past_edge = (next_slot | span) + 1'b1;
  wire [SQ-1:0] past_chunk = near ? tail : past_edge;
  assign base_queue = queue_reg;

  wire [SQ+3:0] slot_offset = {next_slot & base_mask, 4'b0};
  wire [63:0] slot_address = base_address + 64'(slot_offset);
  logic [7:0] beats_less_one;
  if (DATA_WIDTH == 64) begin : g_len_narrow
    assign beats_less_one = {3'b0, near ? to_tail : to_edge, 1'b1};
  end else begin : g_len_wide
    // Slots of the first beat that lie before the chunk count as well.
    wire [CHUNK_LOG2:0] lead = (CHUNK_LOG2 + 1)'(next_slot[CHUNK_LOG2-1:0]) & (CHUNK_LOG2 + 1)'((1 << LANE) - 1);
    wire [CHUNK_LOG2:0] beats_to_tail = ((CHUNK_LOG2 + 1)'(to_tail) + lead) >> LANE;
    wire [CHUNK_LOG2:0] beats_to_edge = ((CHUNK_LOG2 + 1)'(to_edge) + lead) >> LANE;
    assign beats_less_one = 8'(near ? beats_to_tail : beats_to_edge);
  end

  // What was found is noted a cycle later, while its address is offered; where a restart has the table, behind that.
  wire note = taken_reg && !hold;

  assign ar_valid = state_reg == SEND && (!taken_reg || note);
  assign ar_addr = addr_reg;
  assign ar_len = len_reg;

  wire sent = ar_valid && ar_ready;

  wire take = state_reg == PICK && want && !hold && log_ready;      // the chunk is measured in any case
  logic [QW-1:0] restart_queue, log_queue;

  always_comb begin
    restart_queue = '0;
    for (int q = 0; q < QUEUES; q++) if (restart[q]) restart_queue = QW'(q);
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_reg <= PICK;
      queue_reg <= '0;
    end else begin
      case (state_reg)
        PICK:
          if (take) state_reg <= SEND;
          else if (QUEUES > 1 && !want) queue_reg <= doorbell ? doorbell_queue : queue_up;
        default:
          if (sent) begin
            state_reg <= PICK;
            if (QUEUES > 1) queue_reg <= queue_up;
          end
      endcase
    end
  end

  sgdma_table #(.WIDTH(SQ), .QUEUES(QUEUES), .READS(2)) nexts (
      .clk(clk), .rst(rst), .clear(|restart), .clear_queue(restart_queue),
      .write(note), .write_queue(queue_reg), .write_data(past_reg),
      .read_queue({queue_reg, last_queue_reg}), .read_data({next_slot, log_next}));

  always_ff @(posedge clk) taken_reg <= !rst && (take || (taken_reg && hold));

  always_ff @(posedge clk) begin
    if (state_reg == PICK) begin
      first_reg <= next_slot;
      past_reg <= past_chunk;
      addr_reg <= ADDR_WIDTH'(slot_address) & ~ADDR_WIDTH'(BEAT_BYTES - 1);
      len_reg <= beats_less_one;
    end
  end

  // ------------------------------------------------------------------------------------- answers from memory

  logic log_valid;
  logic [FILL-1:0] log_first, log_past;

  sgdma_fifo #(.WIDTH(QW + 2 * FILL), .DEPTH(16)) log (
      .clk(clk), .rst(rst),
      .in_valid(note), .in_ready(log_ready), .in_data({queue_reg, FILL'(first_reg), FILL'(past_reg)}),
      .out_valid(log_valid), .out_ready(r_valid && r_last), .out_data({log_queue, log_first, log_past}), .level());

  logic running_reg;                                                // in the middle of a burst
  logic half_reg;                                                   // of a slot, 64 bit only
  logic last_reg, done_reg;                                         // a burst ended; what was asked for is all there, two late
  logic [QW-1:0] last_queue_reg, done_queue_reg;
  logic [FILL-1:0] last_past_reg;
  logic [FILL-1:0] cursor_reg;
  logic [FILL-1:0] filled_mem [QUEUES];

  wire [FILL-1:0] cursor = running_reg ? cursor_reg : log_first;
  wire slot_done = DATA_WIDTH > 64 || half_reg;
  wire [FILL-1:0] cursor_up = ((cursor >> LANE) + 1'b1) << LANE;
  wire [FILL-1:0] cursor_next = !slot_done ? cursor : r_last ? log_past : cursor_up;

  assign busy = busy_reg;
  assign arrival = r_valid && slot_done;
  assign arrival_queue = log_queue;
  assign filled = filled_mem[read_queue];
  assign bad = bad_reg;
  assign error = r_valid && r_error;
  assign error_queue = log_queue;

  always_ff @(posedge clk) begin
    if (rst) begin
      running_reg <= 1'b0;
      half_reg <= 1'b0;
      bad_reg <= '0;
      busy_reg <= '0;
    end else begin
      if (r_valid) begin
        running_reg <= !r_last;
        half_reg <= !half_reg && DATA_WIDTH == 64;
        if (r_error) bad_reg[log_queue] <= 1'b1;
      end
      for (int q = 0; q < QUEUES; q++) begin
        if (restart[q]) begin
          bad_reg[q] <= 1'b0;
        end
      end
      if (done_reg) busy_reg[done_queue_reg] <= 1'b0;
      if (take) busy_reg[queue_reg] <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    last_reg <= r_valid && r_last && !rst;
    last_queue_reg <= log_queue;
    last_past_reg <= log_past;
    done_reg <= last_reg && last_past_reg == FILL'(log_next) && !((take || taken_reg) && queue_reg == last_queue_reg);
    done_queue_reg <= last_queue_reg;
    if (r_valid) cursor_reg <= cursor_next;
    if (r_valid) filled_mem[log_queue] <= cursor_next;
  end

  // -------------------------------------------------------------------------------------------- slot memory

  logic [RW-1:0] write_row, read_row;

  if (QUEUES > 1) begin : g_regions
    assign write_row = {log_queue, cursor[REGION+LANE-1:LANE]};
    assign read_row = {read_queue, read_index[REGION+LANE-1:LANE]};
  end else begin : g_region
    assign write_row = cursor[REGION+LANE-1:LANE];
    assign read_row = read_index[REGION+LANE-1:LANE];
  end

  // What is looked at has been there for a cycle before it is read. What is read while it is written is not looked at: a block
  // memory may answer anything then. So a row that comes again, with slots that were not there yet, is written from these on.
  if (DATA_WIDTH == 64) begin : g_halves
    (* no_rw_check *) logic [63:0] low [ROWS];
    (* no_rw_check *) logic [63:0] high [ROWS];
    logic [127:0] slot_reg;
    always_ff @(posedge clk) begin
      if (r_valid && !half_reg) low[write_row] <= r_data;
      if (r_valid && half_reg) high[write_row] <= r_data;
      if (read_enable) slot_reg <= {high[read_row], low[read_row]};
    end
    assign read_slot = slot_reg;
  end else begin : g_lanes
    // Wide memories are far from each other: a register behind them, and the lane's choice behind that.
    logic [ROW_WIDTH-1:0] row_reg, late_reg;
    logic [LANES-1:0] write;
    for (genvar l = 0; l < LANES; l++) begin : g_lane
      (* no_rw_check *) logic [127:0] slots [ROWS];
      always_ff @(posedge clk) begin
        if (write[l]) slots[write_row] <= r_data[128*l +: 128];
        if (read_enable) row_reg[128*l +: 128] <= slots[read_row];
      end
    end
    always_ff @(posedge clk) late_reg <= row_reg;
    if (LANES == 1) begin : g_slot
      assign write = r_valid;
      assign read_slot = late_reg;
    end else begin : g_choice
      logic [LANE-1:0] lane_reg, row_lane_reg;
      always_ff @(posedge clk) begin
        if (read_enable) row_lane_reg <= read_index[LANE-1:0];
        lane_reg <= row_lane_reg;
      end
      assign write = {LANES{r_valid}} & ({LANES{1'b1}} << cursor[LANE-1:0]);
      assign read_slot = late_reg[128*lane_reg +: 128];
    end
  end

  // Slots beyond the memory's reach of the index, and a queue index of one queue, carry nothing here.
  wire unused = &{1'b0, base_head, first_reg, log_next, read_index, read_queue, slot_address, log_valid};

endmodule
