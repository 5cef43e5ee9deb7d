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

#endif
