// Generated from host/sgdma/spec by `python -m sgdma.spec.emit`; edit that, not this.
// Codes, memory layouts and the rule word, as the host declares them.

package sgdma_pkg;

  localparam logic [3:0] KIND_HEADER = 4'ha;
  localparam logic [3:0] KIND_SEGMENT = 4'h5;
  localparam logic [3:0] OP_H2C = 4'h1;
  localparam logic [3:0] OP_C2H = 4'h2;
  localparam logic [1:0] PORT_LOOPBACK = 2'h0;
  localparam logic [1:0] PORT_PATTERN = 2'h1;
  localparam logic [1:0] PORT_MEMORY = 2'h2;
  localparam logic [7:0] STATUS_OK = 8'h0;
  localparam logic [7:0] STATUS_BAD_HEADER = 8'h1;
  localparam logic [7:0] STATUS_TORN_LIST = 8'h2;
  localparam logic [7:0] STATUS_LENGTH_MISMATCH = 8'h3;
  localparam logic [7:0] STATUS_BUS_ERROR = 8'h4;
  localparam logic [7:0] STATUS_STREAM_ERROR = 8'h5;
  localparam logic [7:0] STATUS_ABORTED = 8'h6;
  localparam logic [3:0] QUEUE_IDLE = 4'h0;
  localparam logic [3:0] QUEUE_RUNNING = 4'h1;
  localparam logic [3:0] QUEUE_STOPPING = 4'h2;
  localparam logic [3:0] QUEUE_STOPPED = 4'h3;
  localparam logic [3:0] QUEUE_ABORTING = 4'h4;
  localparam logic [3:0] QUEUE_ERROR = 4'h5;
  localparam logic [3:0] QERR_NONE = 4'h0;
  localparam logic [3:0] QERR_SQ_DOORBELL = 4'h1;
  localparam logic [3:0] QERR_CQ_DOORBELL = 4'h2;
  localparam logic [3:0] QERR_FETCH_BUS = 4'h3;
  localparam logic [3:0] QERR_CQ_BUS = 4'h4;
  localparam logic [2:0] CMD_START = 3'h1;
  localparam logic [2:0] CMD_STOP = 3'h2;
  localparam logic [2:0] CMD_RESUME = 3'h3;
  localparam logic [2:0] CMD_ABORT = 3'h4;
  localparam logic [2:0] CMD_RELEASE = 3'h5;
  localparam logic [3:0] RESULT_OK = 4'h0;
  localparam logic [3:0] RESULT_BAD_QUEUE = 4'h1;
  localparam logic [3:0] RESULT_BAD_STATE = 4'h2;
  localparam logic [3:0] RESULT_BAD_SIZE = 4'h3;
  localparam logic [3:0] RESULT_TABLE_ALIGN = 4'h4;
  localparam logic [3:0] RESULT_TABLE_BOUNDARY = 4'h5;
  localparam logic [3:0] RESULT_ADDRESS_BITS = 4'h6;
  localparam logic [3:0] RESULT_BAD_COMMAND = 4'h7;
  localparam logic [4:0] RULE_ADDRESS_ALIGN = 5'h1;
  localparam logic [4:0] RULE_SKEW = 5'h2;
  localparam logic [4:0] RULE_RESIDUE_MATCH = 5'h3;
  localparam logic [4:0] RULE_LENGTH_ALIGN = 5'h4;
  localparam logic [4:0] RULE_TAIL_ALIGN = 5'h5;
  localparam logic [4:0] RULE_MIN_SEGMENT_SIZE = 5'h6;
  localparam logic [4:0] RULE_MAX_SEGMENT_SIZE = 5'h7;
  localparam logic [4:0] RULE_MAX_LAST_SEGMENT = 5'h8;
  localparam logic [4:0] RULE_GAP_BOUNDARY = 5'h9;
  localparam logic [4:0] RULE_SEGMENT_BOUNDARY = 5'ha;
  localparam logic [4:0] RULE_END_RULE = 5'hb;
  localparam logic [4:0] RULE_ADDRESS_BITS = 5'hc;
  localparam logic [4:0] RULE_MAX_SEGMENTS = 5'hd;
  localparam logic [4:0] RULE_TOTAL_ALIGN = 5'he;
  localparam logic [4:0] RULE_MAX_REQUEST_SIZE = 5'hf;
  localparam logic [4:0] RULE_TABLE_ALIGN = 5'h10;
  localparam logic [4:0] RULE_TABLE_BOUNDARY = 5'h11;
  localparam logic [7:0] RULE_BASE = 8'h20;
  localparam logic [15:0] NO_SEGMENT = 16'hffff;

  localparam int SQ_PTR = 20;
  localparam int CQ_PTR = 16;
  localparam int LENGTH_PLAIN = 0;
  localparam int LENGTH_ZERO_IS_MAX = 1;
  localparam int LENGTH_MINUS_ONE = 2;
  localparam int RULES_BITS = 391;

  typedef struct packed {
    logic [ 3:0] kind;
    logic [ 3:0] opcode;
    logic [ 7:0] flags;
    logic [15:0] tag;
    logic [31:0] total_length;
    logic [15:0] segment_count;
    logic [47:0] card_address;
  } header_t;

  typedef struct packed {
    logic [ 3:0] kind;
    logic [11:0] index;
    logic [15:0] tag;
    logic [31:0] length;
    logic [63:0] address;
  } segment_t;

  typedef struct packed {
    logic [15:0] phase;
    logic [15:0] queue;
    logic [31:0] sq_head;
    logic [63:0] timestamp;
    logic [31:0] crc32c;
    logic [31:0] bytes_moved;
    logic [ 7:0] opcode;
    logic [ 7:0] status;
    logic [15:0] segment_index;
    logic [15:0] sequence_number;
    logic [15:0] tag;
  } completion_t;

  typedef struct packed {
    logic [31:0] max_request_size;
    logic [15:0] total_mask;
    logic [15:0] max_segments;
    logic [31:0] max_last_segment;
    logic [31:0] max_segment_size;
    logic [31:0] min_segment_size;
    logic [63:0] end_forbidden;
    logic [5:0] end_mask;
    logic [31:0] boundary_mask;
    logic [0:0] boundary_used;
    logic [31:0] gap_mask;
    logic [15:0] tail_mask;
    logic [15:0] length_mask;
    logic [15:0] residue_mask;
    logic [15:0] skew_residue;
    logic [15:0] skew_mask;
    logic [15:0] address_mask;
  } rules_t;

endpackage
