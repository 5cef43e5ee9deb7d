/* Rings and doorbells of one queue pair, as docs/device.md describes them. */
#include "queue.h"

#include "hal.h"

#define SQ_MASK ((1u << SGDMA_SQ_PTR) - 1)
#define CQ_MASK ((1u << SGDMA_CQ_PTR) - 1)
#define PATIENCE 1000000u

int device_reset(void) {
    uint32_t begin = now();
    reg_write(SGDMA_REG_SGDMA_CONTROL, 1);
    while (reg_read(SGDMA_REG_SGDMA_STATUS) & 1)
        if (now() - begin > PATIENCE) return 1;
    return 0;
}

uint32_t queue_start(struct queue *queue, uint32_t number, uint32_t sq, uint32_t cq, uint32_t sq_log2, uint32_t cq_log2) {
    *queue = (struct queue){.number = number, .sq = sq, .cq = cq, .sq_log2 = sq_log2, .cq_log2 = cq_log2};
    for (uint32_t word = 0; word < sizeof(struct sgdma_completion) / 4 << cq_log2; word++) hal_write(cq + 4 * word, 0);
    hal_barrier();
    reg_write(SGDMA_REG_SGDMA_QUEUE_SELECT, number);
    reg_write(SGDMA_REG_SGDMA_QUEUE_SQ_BASE_LO, sq);
    reg_write(SGDMA_REG_SGDMA_QUEUE_SQ_BASE_HI, 0);
    reg_write(SGDMA_REG_SGDMA_QUEUE_CQ_BASE_LO, cq);
    reg_write(SGDMA_REG_SGDMA_QUEUE_CQ_BASE_HI, 0);
    reg_write(SGDMA_REG_SGDMA_QUEUE_SIZE, sq_log2 | cq_log2 << 8);
    reg_write(SGDMA_REG_SGDMA_QUEUE_MODERATION, 0);
    reg_write(SGDMA_REG_SGDMA_QUEUE_COMMAND, SGDMA_CMD_START);
    return reg_read(SGDMA_REG_SGDMA_QUEUE_RESULT);
}

uint32_t queue_room(const struct queue *queue) {
    return (1u << queue->sq_log2) - ((queue->tail - queue->consumed) & SQ_MASK);
}

static void put(struct queue *queue, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    uint32_t slot = queue->sq + 16 * (queue->tail & ((1u << queue->sq_log2) - 1));
    hal_write(slot, a);
    hal_write(slot + 4, b);
    hal_write(slot + 8, c);
    hal_write(slot + 12, d);
    queue->tail = (queue->tail + 1) & SQ_MASK;
}

void queue_put_header(struct queue *queue, uint32_t tag, uint32_t opcode, uint32_t port, uint32_t card, uint32_t count,
                      uint32_t total) {
    put(queue, card, count << 16, total, tag | port << 16 | opcode << 24 | SGDMA_KIND_HEADER << 28);
}

void queue_put_segment(struct queue *queue, uint32_t tag, uint32_t index, uint32_t address, uint32_t length) {
    put(queue, address, 0, length, tag | index << 16 | SGDMA_KIND_SEGMENT << 28);
}

void queue_ring(struct queue *queue) {
    if (queue->rung == queue->tail) return;
    hal_barrier();
    reg_write(SGDMA_REG_SGDMA_SQ_DOORBELL, queue->tail | queue->number << 24);
    queue->rung = queue->tail;
}

int queue_take(struct queue *queue, struct sgdma_completion *record) {
    uint32_t place = queue->cq + 32 * (queue->head & ((1u << queue->cq_log2) - 1));
    uint32_t phase = ~(queue->head >> queue->cq_log2) & 1;
    uint32_t word[8];
    word[7] = hal_read(place + 28);
    if ((word[7] >> 16 & 1) != phase) return 0;
    hal_barrier();
    for (int i = 0; i < 7; i++) word[i] = hal_read(place + 4 * (uint32_t)i);
    record->tag = (uint16_t)word[0];
    record->sequence_number = (uint16_t)(word[0] >> 16);
    record->segment_index = (uint16_t)word[1];
    record->status = (uint8_t)(word[1] >> 16);
    record->opcode = (uint8_t)(word[1] >> 24);
    record->bytes_moved = word[2];
    record->crc32c = word[3];
    record->timestamp = (uint64_t)word[5] << 32 | word[4];
    record->sq_head = word[6];
    record->queue = (uint16_t)word[7];
    record->phase = (uint16_t)(word[7] >> 16);
    queue->head = (queue->head + 1) & CQ_MASK;
    queue->consumed = record->sq_head & SQ_MASK;
    return 1;
}

void queue_release(struct queue *queue, int arm) {
    reg_write(SGDMA_REG_SGDMA_CQ_DOORBELL, queue->head | (uint32_t)arm << 23 | queue->number << 24);
}
