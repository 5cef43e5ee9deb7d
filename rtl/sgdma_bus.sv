// The AXI4 port: merges the two readers and the two writers, keeps count of what is outstanding, and can be quiesced.
//
//   reads : ID 0 descriptor fetch (first in line), ID 1 H2C payload
//   writes: ID 0 completion records (first in line), ID 1 C2H payload
//
// Everything that is asked for has its place already: RREADY and BREADY are constant, data is there before its address. So the
// bus always comes to rest by itself once `hold` stops new addresses; `quiet` says that it has.

module sgdma_bus #(
    parameter int DATA_WIDTH = 64,
    parameter int ADDR_WIDTH = 64,
    parameter int OUTSTANDING = 256                // most write bursts of payload without a response
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    hold,
    output logic                    quiet,

    input  logic [1:0]                  ar_valid,
    output logic [1:0]                  ar_ready,
    input  logic [1:0][ADDR_WIDTH-1:0]  ar_addr,
    input  logic [1:0][7:0]             ar_len,
    output logic [1:0]                  r_valid,
    output logic [DATA_WIDTH-1:0]       r_data,
    output logic                        r_error,
    output logic                        r_last,

    input  logic [1:0]                  aw_valid,
    output logic [1:0]                  aw_ready,
    input  logic [1:0][ADDR_WIDTH-1:0]  aw_addr,
    input  logic [1:0][7:0]             aw_len,
    input  logic [1:0]                  w_valid,
    output logic [1:0]                  w_ready,
    input  logic [1:0][DATA_WIDTH-1:0]  w_data,
    input  logic [1:0][DATA_WIDTH/8-1:0] w_strb,
    output logic [1:0]                  b_valid,
    input  logic                        b_ready,      // of the payload; records are always ready
    output logic [1:0]                  b_error,

    output logic                    m_axi_arvalid,
    input  logic                    m_axi_arready,
    output logic [0:0]              m_axi_arid,
    output logic [ADDR_WIDTH-1:0]   m_axi_araddr,
    output logic [7:0]              m_axi_arlen,
    input  logic                    m_axi_rvalid,
    output logic                    m_axi_rready,
    input  logic [0:0]              m_axi_rid,
    input  logic [DATA_WIDTH-1:0]   m_axi_rdata,
    input  logic [1:0]              m_axi_rresp,
    input  logic                    m_axi_rlast,
    output logic                    m_axi_awvalid,
    input  logic                    m_axi_awready,
    output logic [0:0]              m_axi_awid,
    output logic [ADDR_WIDTH-1:0]   m_axi_awaddr,
    output logic [7:0]              m_axi_awlen,
    output logic                    m_axi_wvalid,
    input  logic                    m_axi_wready,
    output logic [DATA_WIDTH-1:0]   m_axi_wdata,
    output logic [DATA_WIDTH/8-1:0] m_axi_wstrb,
    output logic                    m_axi_wlast,
    input  logic                    m_axi_bvalid,
    output logic                    m_axi_bready,
    input  logic [0:0]              m_axi_bid,
    input  logic [1:0]              m_axi_bresp
);

  // -------------------------------------------------------------------------------------------------- reads

  wire ar_move = !hold && (!m_axi_arvalid || m_axi_arready);
  wire ar_pick = !ar_valid[0];

  assign ar_ready = ar_move ? {ar_pick, !ar_pick} : 2'b00;

  always_ff @(posedge clk) begin
    if (rst) m_axi_arvalid <= 1'b0;
    else if (ar_move) m_axi_arvalid <= |ar_valid;
    else if (m_axi_arready) m_axi_arvalid <= 1'b0;
    if (ar_move) begin
      m_axi_arid <= ar_pick;
      m_axi_araddr <= ar_addr[ar_pick];
      m_axi_arlen <= ar_len[ar_pick];
    end
  end

  assign m_axi_rready = 1'b1;
  assign r_valid = {m_axi_rvalid && m_axi_rid[0], m_axi_rvalid && !m_axi_rid[0]};
  assign r_data = m_axi_rdata;
  assign r_error = m_axi_rresp[1];
  assign r_last = m_axi_rlast;

  // ------------------------------------------------------------------------------------------ write addresses

  logic order_room_reg, order_valid, order_source, order_take;
  logic [7:0] order_len;
  logic [3:0] order_level;
  wire aw_move = !hold && order_room_reg && (!m_axi_awvalid || m_axi_awready);
  wire aw_pick = !aw_valid[0];
  wire aw_begin = aw_move && |aw_valid;

  assign aw_ready = aw_move ? {aw_pick, !aw_pick} : 2'b00;

  always_ff @(posedge clk) begin
    if (rst) m_axi_awvalid <= 1'b0;
    else if (aw_move) m_axi_awvalid <= |aw_valid;
    else if (m_axi_awready) m_axi_awvalid <= 1'b0;
    if (aw_move) begin
      m_axi_awid <= aw_pick;
      m_axi_awaddr <= aw_addr[aw_pick];
      m_axi_awlen <= aw_len[aw_pick];
    end
  end

  // --------------------------------------------------------------- write data, in the order of the addresses

  sgdma_fifo #(.WIDTH(9), .DEPTH(8)) order (
      .clk(clk), .rst(rst),
      .in_valid(aw_begin), .in_ready(), .in_data({aw_pick, aw_len[aw_pick]}),
      .out_valid(order_valid), .out_ready(order_take), .out_data({order_source, order_len}), .level(order_level));

  always_ff @(posedge clk) order_room_reg <= order_level <= 4'd5;

  // The burst whose data goes out: whose it is, beats behind the next one.
  logic burst_reg, source_reg, final_reg;
  logic [7:0] left_reg;
  wire w_move = !m_axi_wvalid || m_axi_wready;
  wire w_take = w_move && burst_reg && w_valid[source_reg];
  wire w_end = w_take && final_reg;

  assign order_take = order_valid && (!burst_reg || w_end);
  assign w_ready = {source_reg, !source_reg} & {2{w_move && burst_reg}};

  always_ff @(posedge clk) begin
    if (rst) begin
      m_axi_wvalid <= 1'b0;
      burst_reg <= 1'b0;
    end else begin
      if (w_move) m_axi_wvalid <= w_take;
      if (order_take) burst_reg <= 1'b1;
      else if (w_end) burst_reg <= 1'b0;
    end
    if (order_take) begin
      source_reg <= order_source;
      left_reg <= order_len;
      final_reg <= order_len == 8'd0;
    end else if (w_take) begin
      left_reg <= left_reg - 8'd1;
      final_reg <= left_reg == 8'd1;
    end
    if (w_move) begin
      m_axi_wdata <= w_data[source_reg];
      m_axi_wstrb <= w_strb[source_reg];
      m_axi_wlast <= final_reg;
    end
  end

  // ---------------------------------------------------------------------------------------- write responses
  // Those of payload wait for room in the engine's results, which may wait for completion records to be answered: so they
  // must never stand in the way of the records' responses. Their FIFO holds as many as the engine can have outstanding.

  logic record_reg, record_error_reg, payload_error, payload_valid;

  assign m_axi_bready = 1'b1;

  always_ff @(posedge clk) begin
    record_reg <= !rst && m_axi_bvalid && !m_axi_bid[0];
    record_error_reg <= m_axi_bresp[1];
  end

  sgdma_packet_fifo #(.WIDTH(1), .DEPTH(OUTSTANDING), .PLAIN(1)) responses (
      .clk(clk), .rst(rst),
      .in_valid(m_axi_bvalid && m_axi_bid[0]), .in_data(m_axi_bresp[1]), .commit(1'b1), .rollback(1'b0), .free(),
      .out_valid(payload_valid), .out_ready(b_ready), .out_data(payload_error));

  assign b_valid = {payload_valid, record_reg};
  assign b_error = {payload_error, record_error_reg};

  // -------------------------------------------------------------------------------------------- outstanding

  // Counted a cycle after the fact; what is not yet counted is not quiet.
  logic [9:0] reads_begun_reg, reads_ended_reg, writes_begun_reg, writes_ended_reg;
  logic read_begin_reg, read_end_reg, write_begin_reg, write_end_reg, quiet_reg, hold_reg;

  // What began in the last cycle before `hold` shows in the second one of it.
  assign quiet = quiet_reg && hold_reg == hold;

  always_ff @(posedge clk) hold_reg <= hold && !rst;

  always_ff @(posedge clk) begin
    if (rst) begin
      {read_begin_reg, read_end_reg, write_begin_reg, write_end_reg} <= '0;
      {reads_begun_reg, reads_ended_reg, writes_begun_reg, writes_ended_reg} <= '0;
      quiet_reg <= 1'b0;
    end else begin
      read_begin_reg <= ar_move && |ar_valid;
      read_end_reg <= m_axi_rvalid && m_axi_rlast;
      write_begin_reg <= aw_begin;
      write_end_reg <= m_axi_bvalid;
      reads_begun_reg <= reads_begun_reg + 10'(read_begin_reg);
      reads_ended_reg <= reads_ended_reg + 10'(read_end_reg);
      writes_begun_reg <= writes_begun_reg + 10'(write_begin_reg);
      writes_ended_reg <= writes_ended_reg + 10'(write_end_reg);
      quiet_reg <= !read_begin_reg && !write_begin_reg && reads_begun_reg == reads_ended_reg
          && writes_begun_reg == writes_ended_reg;
    end
  end

  wire unused = &{1'b0, m_axi_rresp, m_axi_bresp};

endmodule
