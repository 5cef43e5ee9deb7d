// PCIe bridge at the transaction layer: the core's AXI4 port, its registers and interrupts on one side, TLPs on the other.
//
//                     registers (LiteX CSR bus)     vectors
//                          |                           |
//                     +----v-----+               +-----v-----+
//             +------>| bar      |--------+      | msix      |----+
//             |       +----------+        |      +-----------+    |
//   TLPs  +---+-----+                     |                       |     +--------+  TLPs
//   ----->| receive |                     +-----------------------+---->| send   |----->
//         +---+-----+                                             |     +--------+
//             |       +----------+       requests                 |         ^
//             +------>| read     |--------------------------------+         |
//                     +----------+                                | +-------+--+
//                  AR |  ^ R                                      +-| write    |
//                                                                   +----------+
//                                                               AW, W |  ^ B
//
// All packets leave in one stream in the order in which they were made, so what the order of posted writes promises holds for all.

module sgdma_tlp #(
    parameter int DATA_WIDTH = 64,
    parameter int VECTORS = 5,
    parameter int BURST = 512,
    parameter int TAGS = 32,
    parameter int TIMEOUT = 6_250_000,
    parameter int QUARANTINE = 50_000_000,
    localparam int BYTES = DATA_WIDTH / 8,
    localparam int LANES = DATA_WIDTH / 32
) (
    input  logic                   clk,
    input  logic                   rst,

    input  logic [15:0]            id,             // bus, device, function
    input  logic [15:0]            max_payload,    // in bytes
    input  logic [15:0]            max_request,
    input  logic                   msix_enable,
    input  logic [VECTORS-1:0]     fire,

    input  logic                   rx_valid,
    output logic                   rx_ready,
    input  logic                   rx_last,
    input  logic [DATA_WIDTH-1:0]  rx_data,
    output logic                   tx_valid,
    input  logic                   tx_ready,
    output logic                   tx_first,
    output logic                   tx_last,
    output logic [DATA_WIDTH-1:0]  tx_data,
    output logic [BYTES-1:0]       tx_be,

    output logic [15:0]            csr_address,
    output logic [31:0]            csr_write_data,
    output logic                   csr_write,
    output logic                   csr_read,
    input  logic [31:0]            csr_read_data,

    input  logic                   s_axi_arvalid,
    output logic                   s_axi_arready,
    input  logic [0:0]             s_axi_arid,
    input  logic [63:0]            s_axi_araddr,
    input  logic [7:0]             s_axi_arlen,
    output logic                   s_axi_rvalid,
    input  logic                   s_axi_rready,
    output logic [0:0]             s_axi_rid,
    output logic [DATA_WIDTH-1:0]  s_axi_rdata,
    output logic [1:0]             s_axi_rresp,
    output logic                   s_axi_rlast,
    input  logic                   s_axi_awvalid,
    output logic                   s_axi_awready,
    input  logic [0:0]             s_axi_awid,
    input  logic [63:0]            s_axi_awaddr,
    input  logic [7:0]             s_axi_awlen,
    input  logic                   s_axi_wvalid,
    output logic                   s_axi_wready,
    input  logic [DATA_WIDTH-1:0]  s_axi_wdata,
    input  logic [BYTES-1:0]       s_axi_wstrb,
    input  logic                   s_axi_wlast,
    output logic                   s_axi_bvalid,
    input  logic                   s_axi_bready,
    output logic [0:0]             s_axi_bid,
    output logic [1:0]             s_axi_bresp
);

  localparam int SLOT = 512;                       // bytes of a tag's buffer
  localparam int BEATS = 2 * BURST / BYTES > 256 ? 2 * BURST / BYTES : 256;
  localparam int NOTE = 11;

  if (DATA_WIDTH != 64 && DATA_WIDTH != 128 && DATA_WIDTH != 256) begin : g_bad_width
    $error("sgdma_tlp: DATA_WIDTH = %0d must be 64, 128 or 256", DATA_WIDTH);
  end
  if (VECTORS < 1 || VECTORS > 32) begin : g_bad_vectors
    $error("sgdma_tlp: VECTORS = %0d must be 1 to 32", VECTORS);
  end
  if (TAGS != 16 && TAGS != 32) begin : g_bad_tags
    $error("sgdma_tlp: TAGS = %0d must be 16 or 32, which needs no extended tags", TAGS);
  end

  // Sizes that the host has set, no larger than the buffers.
  logic [9:0] payload_reg, request_reg;

  always_ff @(posedge clk) begin
    payload_reg <= max_payload > 16'(SLOT) ? 10'(SLOT) : 10'(max_payload);
    request_reg <= max_request > 16'(SLOT) ? 10'(SLOT) : 10'(max_request);
  end

  // -------------------------------------------------------------------------------------------------- receiving

  logic beat_valid, beat_begins, beat_last, request_valid, request_ready;
  logic [DATA_WIDTH-1:0] beat_data;
  logic [2:0][31:0] beat_head;
  logic [4:0][31:0] request;

  sgdma_tlp_receive #(.DATA_WIDTH(DATA_WIDTH)) receive (
      .clk(clk), .rst(rst),
      .in_valid(rx_valid), .in_ready(rx_ready), .in_last(rx_last), .in_data(rx_data),
      .beat_valid(beat_valid), .beat_begins(beat_begins), .beat_last(beat_last), .beat_data(beat_data),
      .beat_head(beat_head),
      .request_valid(request_valid), .request_ready(request_ready), .request(request));

  // ---------------------------------------------------------------------------------------------------- senders

  logic [3:0] packet_valid, packet_ready;
  sgdma_tlp_pkg::packet_t answer, message, read_request, write_packet;
  logic [NOTE-1:0] note, sent_note;
  logic sent_valid, bank_enable, timed_out, dropped, unsupported, table_write;
  logic [LANES-1:0][$clog2(BEATS)-1:0] bank_address;
  logic [LANES-1:0][31:0] bank_data;
  logic [LANES-1:0] tx_lanes;
  logic [31:0] table_data;
  logic [2:0][31:0] counters_reg;

  sgdma_tlp_bar bar (
      .clk(clk), .rst(rst), .completer(id),
      .request_valid(request_valid), .request_ready(request_ready), .request(request),
      .address(csr_address), .write_data(csr_write_data), .register_write(csr_write), .register_read(csr_read),
      .register_data(csr_read_data), .table_write(table_write), .table_data(table_data),
      .packet_valid(packet_valid[0]), .packet_ready(packet_ready[0]), .packet(answer), .unsupported(unsupported));

  sgdma_tlp_msix #(.VECTORS(VECTORS)) msix (
      .clk(clk), .rst(rst), .requester(id), .enable(msix_enable), .fire(fire),
      .address(csr_address), .table_write(table_write), .write_data(csr_write_data), .table_data(table_data),
      .counters(counters_reg),
      .packet_valid(packet_valid[1]), .packet_ready(packet_ready[1]), .packet(message));

  sgdma_tlp_read #(.DATA_WIDTH(DATA_WIDTH), .TAGS(TAGS), .SLOT(SLOT), .TIMEOUT(TIMEOUT), .QUARANTINE(QUARANTINE)) read (
      .clk(clk), .rst(rst), .requester(id), .max_request(request_reg),
      .arvalid(s_axi_arvalid), .arready(s_axi_arready), .arid(s_axi_arid[0]), .araddr(s_axi_araddr),
      .arlen(s_axi_arlen),
      .rvalid(s_axi_rvalid), .rready(s_axi_rready), .rid(s_axi_rid[0]), .rdata(s_axi_rdata), .rresp(s_axi_rresp),
      .rlast(s_axi_rlast),
      .packet_valid(packet_valid[2]), .packet_ready(packet_ready[2]), .packet(read_request),
      .beat_valid(beat_valid), .beat_begins(beat_begins), .beat_last(beat_last), .beat_data(beat_data),
      .beat_head(beat_head), .timed_out(timed_out), .dropped(dropped));

  sgdma_tlp_write #(.DATA_WIDTH(DATA_WIDTH), .BEATS(BEATS)) write (
      .clk(clk), .rst(rst), .requester(id), .max_payload(payload_reg),
      .awvalid(s_axi_awvalid), .awready(s_axi_awready), .awid(s_axi_awid[0]), .awaddr(s_axi_awaddr),
      .awlen(s_axi_awlen),
      .wvalid(s_axi_wvalid), .wready(s_axi_wready), .wdata(s_axi_wdata), .wstrb(s_axi_wstrb), .wlast(s_axi_wlast),
      .bvalid(s_axi_bvalid), .bready(s_axi_bready), .bid(s_axi_bid[0]),
      .packet_valid(packet_valid[3]), .packet_ready(packet_ready[3]), .packet(write_packet), .note(note),
      .sent_valid(sent_valid), .sent_note(sent_note),
      .bank_address(bank_address), .bank_enable(bank_enable), .bank_data(bank_data));

  assign s_axi_bresp = sgdma_tlp_pkg::OKAY;

  sgdma_tlp_send #(.DATA_WIDTH(DATA_WIDTH), .BEATS(BEATS), .NOTE(NOTE)) send (
      .clk(clk), .rst(rst),
      .packet_valid(packet_valid), .packet_ready(packet_ready), .answer(answer), .message(message), .read(read_request),
      .write(write_packet), .note(note),
      .bank_address(bank_address), .bank_enable(bank_enable), .bank_data(bank_data),
      .sent_valid(sent_valid), .sent_note(sent_note),
      .out_valid(tx_valid), .out_ready(tx_ready), .out_first(tx_first), .out_last(tx_last), .out_data(tx_data),
      .out_lanes(tx_lanes));

  always_comb begin
    for (int lane = 0; lane < LANES; lane++) tx_be[4*lane +: 4] = {4{tx_lanes[lane]}};
  end

  always_ff @(posedge clk) begin
    if (rst) counters_reg <= '0;
    else begin
      counters_reg[0] <= counters_reg[0] + 32'(timed_out);
      counters_reg[1] <= counters_reg[1] + 32'(dropped);
      counters_reg[2] <= counters_reg[2] + 32'(unsupported);
    end
  end

endmodule
