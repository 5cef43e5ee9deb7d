/* One queue pair: rings in DMA memory, doorbells, completions. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdint.h>

#include "sgdma_layout.h"

struct queue {
    uint32_t number, sq, cq, sq_log2, cq_log2;
    uint32_t tail, rung, consumed; /* slots written, told to the device, consumed by it; modulo 2**SQ_PTR */
    uint32_t head;                 /* completions taken; modulo 2**CQ_PTR, also the next sequence number */
};

/* Function-level reset; 0 when the device has come to rest. */
int device_reset(void);
/* Starts a queue pair with rings at bus addresses; the result code of the device, 0 is good. */
uint32_t queue_start(struct queue *queue, uint32_t number, uint32_t sq, uint32_t cq, uint32_t sq_log2, uint32_t cq_log2);
/* Submission slots that may be written. */
uint32_t queue_room(const struct queue *queue);
void queue_put_header(struct queue *queue, uint32_t tag, uint32_t opcode, uint32_t port, uint32_t card, uint32_t count,
                      uint32_t total);
void queue_put_segment(struct queue *queue, uint32_t tag, uint32_t index, uint32_t address, uint32_t length);
/* Tells the device of all that was put since the last time. */
void queue_ring(struct queue *queue);
/* The next completion record, if there is one. */
int queue_take(struct queue *queue, struct sgdma_completion *record);
/* Gives the taken records' places back; with `arm`, the vector fires for the next one. */
void queue_release(struct queue *queue, int arm);

#endif
