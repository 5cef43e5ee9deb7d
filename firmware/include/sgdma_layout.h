/* Generated from host/sgdma/spec by `python -m sgdma.spec.emit`; edit that, not this. */
#ifndef SGDMA_LAYOUT_H
#define SGDMA_LAYOUT_H

#include <stdint.h>

#define SGDMA_KIND_HEADER 0xau
#define SGDMA_KIND_SEGMENT 0x5u
#define SGDMA_OP_H2C 0x1u
#define SGDMA_OP_C2H 0x2u
#define SGDMA_PORT_LOOPBACK 0x0u
#define SGDMA_PORT_PATTERN 0x1u
#define SGDMA_PORT_MEMORY 0x2u
#define SGDMA_STATUS_OK 0x0u
#define SGDMA_STATUS_BAD_HEADER 0x1u
#define SGDMA_STATUS_TORN_LIST 0x2u
#define SGDMA_STATUS_LENGTH_MISMATCH 0x3u
#define SGDMA_STATUS_BUS_ERROR 0x4u
#define SGDMA_STATUS_STREAM_ERROR 0x5u
#define SGDMA_STATUS_ABORTED 0x6u
#define SGDMA_QUEUE_IDLE 0x0u
#define SGDMA_QUEUE_RUNNING 0x1u
#define SGDMA_QUEUE_STOPPING 0x2u
#define SGDMA_QUEUE_STOPPED 0x3u
#define SGDMA_QUEUE_ABORTING 0x4u
#define SGDMA_QUEUE_ERROR 0x5u
#define SGDMA_QERR_NONE 0x0u
#define SGDMA_QERR_SQ_DOORBELL 0x1u
#define SGDMA_QERR_CQ_DOORBELL 0x2u
#define SGDMA_QERR_FETCH_BUS 0x3u
#define SGDMA_QERR_CQ_BUS 0x4u
#define SGDMA_CMD_START 0x1u
#define SGDMA_CMD_STOP 0x2u
#define SGDMA_CMD_RESUME 0x3u
#define SGDMA_CMD_ABORT 0x4u
#define SGDMA_CMD_RELEASE 0x5u
#define SGDMA_RESULT_OK 0x0u
#define SGDMA_RESULT_BAD_QUEUE 0x1u
#define SGDMA_RESULT_BAD_STATE 0x2u
#define SGDMA_RESULT_BAD_SIZE 0x3u
#define SGDMA_RESULT_TABLE_ALIGN 0x4u
#define SGDMA_RESULT_TABLE_BOUNDARY 0x5u
#define SGDMA_RESULT_ADDRESS_BITS 0x6u
#define SGDMA_RESULT_BAD_COMMAND 0x7u
#define SGDMA_RULE_ADDRESS_ALIGN 0x1u
#define SGDMA_RULE_SKEW 0x2u
#define SGDMA_RULE_RESIDUE_MATCH 0x3u
#define SGDMA_RULE_LENGTH_ALIGN 0x4u
#define SGDMA_RULE_TAIL_ALIGN 0x5u
#define SGDMA_RULE_MIN_SEGMENT_SIZE 0x6u
#define SGDMA_RULE_MAX_SEGMENT_SIZE 0x7u
#define SGDMA_RULE_MAX_LAST_SEGMENT 0x8u
#define SGDMA_RULE_GAP_BOUNDARY 0x9u
#define SGDMA_RULE_SEGMENT_BOUNDARY 0xau
#define SGDMA_RULE_END_RULE 0xbu
#define SGDMA_RULE_ADDRESS_BITS 0xcu
#define SGDMA_RULE_MAX_SEGMENTS 0xdu
#define SGDMA_RULE_TOTAL_ALIGN 0xeu
#define SGDMA_RULE_MAX_REQUEST_SIZE 0xfu
#define SGDMA_RULE_TABLE_ALIGN 0x10u
#define SGDMA_RULE_TABLE_BOUNDARY 0x11u
#define SGDMA_RULE_BASE 0x20u
#define SGDMA_NO_SEGMENT 0xffffu

#define SGDMA_STATE_BOOT 0u
#define SGDMA_STATE_SELFTEST 1u
#define SGDMA_STATE_IDLE 2u
#define SGDMA_STATE_RUNNING 3u
#define SGDMA_STATE_TRAP 4u
#define SGDMA_DO_NONE 0u
#define SGDMA_DO_SELFTEST 1u
#define SGDMA_DO_RUN 2u
#define SGDMA_JOB_END 0u
#define SGDMA_JOB_REQUEST 1u
#define SGDMA_JOB_FILL 2u
#define SGDMA_JOB_VERIFY 3u
#define SGDMA_FAULT_NONE 0u
#define SGDMA_FAULT_PROGRAMME 1u
#define SGDMA_FAULT_QUEUE 2u
#define SGDMA_FAULT_TIMEOUT 3u
#define SGDMA_FAULT_TAG 4u
#define SGDMA_FAULT_SEQUENCE 5u
#define SGDMA_FAULT_STATUS 6u
#define SGDMA_FAULT_DATA 7u
#define SGDMA_MAGIC 0x5347444du
#define SGDMA_FIRMWARE_MAGIC 0x53474657u
#define SGDMA_PROGRAMME_MAGIC 0x53475052u
#define SGDMA_CSR_BASE 0xf0000000u
#define SGDMA_CONSOLE_BYTES 0x800u
#define SGDMA_SQ_PTR 0x14u
#define SGDMA_CQ_PTR 0x10u
#define SGDMA_MAP_HASH 0x77810772u

#define SGDMA_REG_SGDMA_MAGIC 0x000u
#define SGDMA_REG_SGDMA_VERSION 0x004u
#define SGDMA_REG_SGDMA_MAP_HASH 0x008u
#define SGDMA_REG_SGDMA_RULES_HASH 0x00cu
#define SGDMA_REG_SGDMA_HASH0 0x010u
#define SGDMA_REG_SGDMA_HASH1 0x014u
#define SGDMA_REG_SGDMA_HASH2 0x018u
#define SGDMA_REG_SGDMA_HASH3 0x01cu
#define SGDMA_REG_SGDMA_CLOCK_HZ 0x020u
#define SGDMA_REG_SGDMA_GEOMETRY 0x024u
#define SGDMA_REG_SGDMA_LIMITS 0x028u
#define SGDMA_REG_SGDMA_SCRATCH 0x02cu
#define SGDMA_REG_SGDMA_CONTROL 0x030u
#define SGDMA_REG_SGDMA_STATUS 0x034u
#define SGDMA_REG_SGDMA_TIME_LO 0x038u
#define SGDMA_REG_SGDMA_TIME_HI 0x03cu
#define SGDMA_REG_SGDMA_QUEUE_SELECT 0x040u
#define SGDMA_REG_SGDMA_QUEUE_SQ_BASE_LO 0x044u
#define SGDMA_REG_SGDMA_QUEUE_SQ_BASE_HI 0x048u
#define SGDMA_REG_SGDMA_QUEUE_CQ_BASE_LO 0x04cu
#define SGDMA_REG_SGDMA_QUEUE_CQ_BASE_HI 0x050u
#define SGDMA_REG_SGDMA_QUEUE_SIZE 0x054u
#define SGDMA_REG_SGDMA_QUEUE_MODERATION 0x058u
#define SGDMA_REG_SGDMA_QUEUE_COMMAND 0x05cu
#define SGDMA_REG_SGDMA_QUEUE_RESULT 0x060u
#define SGDMA_REG_SGDMA_QUEUE_STATE 0x064u
#define SGDMA_REG_SGDMA_QUEUE_SQ_HEAD 0x068u
#define SGDMA_REG_SGDMA_QUEUE_CQ_TAIL 0x06cu
#define SGDMA_REG_SGDMA_SQ_DOORBELL 0x070u
#define SGDMA_REG_SGDMA_CQ_DOORBELL 0x074u
#define SGDMA_REG_SGDMA_EV_STATUS 0x078u
#define SGDMA_REG_SGDMA_EV_PENDING 0x07cu
#define SGDMA_REG_SGDMA_EV_ENABLE 0x080u
#define SGDMA_REG_FIXTURE_CONTROL 0x800u
#define SGDMA_REG_FIXTURE_COMMAND 0x804u
#define SGDMA_REG_FIXTURE_SEED 0x808u
#define SGDMA_REG_FIXTURE_MEMORY_BYTES 0x80cu
#define SGDMA_REG_FIXTURE_LOOPBACK_BYTES 0x810u
#define SGDMA_REG_FIXTURE_CHECKED_BEATS 0x814u
#define SGDMA_REG_FIXTURE_CHECK_ERRORS 0x818u
#define SGDMA_REG_FIXTURE_FIRST_ERROR 0x81cu
#define SGDMA_REG_FIXTURE_CYCLES 0x820u
#define SGDMA_REG_FIXTURE_R_BEATS 0x824u
#define SGDMA_REG_FIXTURE_W_BEATS 0x828u
#define SGDMA_REG_FIXTURE_AR_COUNT 0x82cu
#define SGDMA_REG_FIXTURE_AW_COUNT 0x830u
#define SGDMA_REG_FIXTURE_AR_STALL 0x834u
#define SGDMA_REG_FIXTURE_AW_STALL 0x838u
#define SGDMA_REG_FIXTURE_W_STALL 0x83cu
#define SGDMA_REG_FIXTURE_H2C_BEATS 0x840u
#define SGDMA_REG_FIXTURE_H2C_STALL 0x844u
#define SGDMA_REG_FIXTURE_C2H_BEATS 0x848u
#define SGDMA_REG_FIXTURE_C2H_STALL 0x84cu
#define SGDMA_REG_FIXTURE_AR_DESCRIPTORS 0x850u
#define SGDMA_REG_FIXTURE_R_DESCRIPTORS 0x854u
#define SGDMA_REG_FIXTURE_AW_RECORDS 0x858u
#define SGDMA_REG_FIXTURE_W_RECORDS 0x85cu
#define SGDMA_REG_FIXTURE_B_COUNT 0x860u
#define SGDMA_REG_FIXTURE_B_RECORDS 0x864u
#define SGDMA_REG_FIXTURE_R_STALL 0x868u
#define SGDMA_REG_FIXTURE_B_STALL 0x86cu
#define SGDMA_REG_FIXTURE_R_WAIT 0x870u
#define SGDMA_REG_FIXTURE_W_WAIT 0x874u
#define SGDMA_REG_FIXTURE_AT_DOORBELL 0x878u
#define SGDMA_REG_FIXTURE_AT_FIRST_AR 0x87cu
#define SGDMA_REG_FIXTURE_AT_FIRST_AW 0x880u
#define SGDMA_REG_FIXTURE_AT_LAST_R 0x884u
#define SGDMA_REG_FIXTURE_AT_LAST_W 0x888u
#define SGDMA_REG_FIXTURE_AT_LAST_B 0x88cu
#define SGDMA_REG_FIXTURE_AT_RECORD_AW 0x890u
#define SGDMA_REG_FIXTURE_AT_RECORD_B 0x894u
#define SGDMA_REG_FIXTURE_AT_VECTOR 0x898u
#define SGDMA_REG_BOARD_MAGIC 0x1000u
#define SGDMA_REG_BOARD_FEATURES 0x1004u
#define SGDMA_REG_BOARD_MEMORY_BASE 0x1008u
#define SGDMA_REG_BOARD_MEMORY_BYTES 0x100cu
#define SGDMA_REG_BOARD_MAILBOX 0x1010u
#define SGDMA_REG_BOARD_CONTROL 0x1014u
#define SGDMA_REG_BOARD_FAULT_START 0x1018u
#define SGDMA_REG_BOARD_FAULT_LAST 0x101cu
#define SGDMA_REG_BOARD_FAULT_SET 0x1020u
#define SGDMA_REG_BOARD_FAULT_CLEAR 0x1024u
#define SGDMA_REG_BOARD_CLEAR_START 0x1028u
#define SGDMA_REG_BOARD_CLEAR_LAST 0x102cu
#define SGDMA_REG_BOARD_CLEAR_BUSY 0x1030u
#define SGDMA_REG_BOARD_FAULT_HITS 0x1034u
#define SGDMA_REG_BOARD_MEMORY_STATE 0x1038u
#define SGDMA_REG_BOARD_MEMORY_LANES 0x103cu

/* First slot of a request. */
struct sgdma_header {
    uint32_t card_address_lo;
    uint16_t card_address_hi;
    uint16_t segment_count;
    uint32_t total_length;
    uint16_t tag;
    uint8_t flags;
    uint8_t kind_opcode;
};
_Static_assert(sizeof(struct sgdma_header) == 16, "header");

/* One piece of host memory of a request. */
struct sgdma_segment {
    uint64_t address;
    uint32_t length;
    uint16_t tag;
    uint16_t kind_index;
};
_Static_assert(sizeof(struct sgdma_segment) == 16, "segment");

/* Record in a completion ring. */
struct sgdma_completion {
    uint16_t tag;
    uint16_t sequence_number;
    uint16_t segment_index;
    uint8_t status;
    uint8_t opcode;
    uint32_t bytes_moved;
    uint32_t crc32c;
    uint64_t timestamp;
    uint32_t sq_head;
    uint16_t queue;
    uint16_t phase;
};
_Static_assert(sizeof(struct sgdma_completion) == 32, "completion");

/* Shared by host and firmware, at the start of the CPU's SRAM. */
struct sgdma_mailbox {
    uint32_t magic;
    uint32_t map_hash;
    uint32_t state;
    uint32_t selftest;
    uint32_t command;
    uint32_t argument;
    uint32_t ticket;
    uint32_t done;
    uint32_t console_head;
    uint32_t fault;
    uint32_t requests;
    uint32_t completions;
    uint32_t digest;
    uint32_t bytes_lo;
    uint32_t bytes_hi;
    uint32_t cycles_lo;
    uint32_t cycles_hi;
    uint32_t first_round;
    uint32_t first_job;
    uint32_t first_got;
    uint32_t first_expected;
    uint32_t first_bytes;
    uint32_t trap_cause;
    uint32_t trap_pc;
};
_Static_assert(sizeof(struct sgdma_mailbox) == 96, "mailbox");

/* Head of a request programme. */
struct sgdma_programme {
    uint32_t magic;
    uint32_t size;
    uint32_t queues;
    uint32_t rounds;
    uint32_t patience;
    uint32_t depth;
};
_Static_assert(sizeof(struct sgdma_programme) == 24, "programme");

/* Rings of one queue pair of a programme, in DMA memory. */
struct sgdma_ring {
    uint32_t sq;
    uint32_t cq;
    uint32_t log2;
};
_Static_assert(sizeof(struct sgdma_ring) == 12, "ring");

/* One operation of a programme. */
struct sgdma_job {
    uint8_t kind;
    uint8_t queue;
    uint8_t opcode;
    uint8_t port;
    uint16_t count;
    uint8_t status;
    uint8_t reserved;
    uint16_t segment;
    uint16_t number;
    uint32_t address;
    uint32_t length;
    uint32_t seed;
};
_Static_assert(sizeof(struct sgdma_job) == 24, "job");

/* One segment of a programme's request. */
struct sgdma_part {
    uint32_t address;
    uint32_t length;
};
_Static_assert(sizeof(struct sgdma_part) == 8, "part");

#endif
