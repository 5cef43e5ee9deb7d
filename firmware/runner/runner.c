/* The on-board runner: operations in order, requests as many under way as there is room for, completions in between. */
#include "runner.h"

#include <stddef.h>

#include "hal.h"
#include "queue.h"

#define QUEUES 8
#define DEPTH 512
#define BELL 16 /* requests put before the doorbell rings */

struct under_way {
    uint32_t round, job; /* job: bus address of its record; 0 when the tag is free */
};

static struct {
    volatile struct sgdma_mailbox *result;
    uint32_t queues, rounds, patience, depth, round, progress, put;
    uint32_t digest, requests, completions, begin_lo, begin_hi;
    uint64_t bytes;
    uint16_t free[DEPTH];
    uint32_t frees;
    struct queue queue[QUEUES];
    struct under_way tags[DEPTH];
} run;

static void time64(uint32_t *low, uint32_t *high) {
    *low = reg_read(SGDMA_REG_SGDMA_TIME_LO);
    *high = reg_read(SGDMA_REG_SGDMA_TIME_HI);
}

/* Notes a failure; the first one stays. */
static void fail(uint32_t fault, uint32_t round, uint32_t job, uint32_t got, uint32_t expected, uint32_t bytes) {
    if (run.result->fault) return;
    run.result->first_round = round;
    run.result->first_job = job;
    run.result->first_got = got;
    run.result->first_expected = expected;
    run.result->first_bytes = bytes;
    run.result->fault = fault;
}

static struct sgdma_job load(uint32_t at) {
    uint32_t a = hal_read(at), b = hal_read(at + 4), c = hal_read(at + 8);
    return (struct sgdma_job){
        .kind = (uint8_t)a, .queue = (uint8_t)(a >> 8), .opcode = (uint8_t)(a >> 16), .port = (uint8_t)(a >> 24),
        .count = (uint16_t)b, .status = (uint8_t)(b >> 16), .segment = (uint16_t)c, .number = (uint16_t)(c >> 16),
        .address = hal_read(at + 12), .length = hal_read(at + 16), .seed = hal_read(at + 20),
    };
}

static uint32_t hash(uint32_t round, uint32_t number, const struct sgdma_completion *record) {
    uint32_t h = mix(number ^ round * 0x9e3779b9u);
    h = mix(h ^ (record->status | (uint32_t)record->segment_index << 16));
    h = mix(h ^ record->bytes_moved);
    return mix(h ^ record->crc32c);
}

static void completed(const struct queue *queue, const struct sgdma_completion *record) {
    uint32_t expected = (queue->head - 1) & 0xffff, tag = record->tag;
    if (record->sequence_number != expected)
        fail(SGDMA_FAULT_SEQUENCE, run.round, tag, record->sequence_number, expected, record->bytes_moved);
    run.completions++;
    if (tag >= run.depth || !run.tags[tag].job) {
        fail(SGDMA_FAULT_TAG, run.round, 0, tag, 0, record->bytes_moved);
        return;
    }
    struct sgdma_job job = load(run.tags[tag].job);
    uint32_t round = run.tags[tag].round, status = record->status, wanted = job.status;
    status |= (uint32_t)record->segment_index << 16;
    wanted |= (uint32_t)job.segment << 16;
    if (status != wanted || (!job.status && record->bytes_moved != job.length))
        fail(SGDMA_FAULT_STATUS, round, job.number, status, wanted, record->bytes_moved);
    run.bytes += record->bytes_moved;
    run.digest += hash(round, job.number, record);
    run.tags[tag].job = 0;
    run.free[run.frees++] = (uint16_t)tag;
}

/* Takes what has completed; how many. */
static uint32_t collect(void) {
    uint32_t taken = 0;
    for (uint32_t number = 0; number < run.queues; number++) {
        struct queue *queue = &run.queue[number];
        struct sgdma_completion record;
        uint32_t before = taken;
        while (queue_take(queue, &record)) {
            completed(queue, &record);
            taken++;
        }
        if (taken != before) queue_release(queue, 0);
    }
    if (taken) run.progress = now();
    return taken;
}

static void ring(void) {
    for (uint32_t number = 0; number < run.queues; number++) queue_ring(&run.queue[number]);
    run.put = 0;
}

/* Waits for completions; 0 when there were some, 1 when patience has ended. */
static int wait(void) {
    ring();
    if (collect()) return 0;
    if (now() - run.progress < run.patience) return 0;
    fail(SGDMA_FAULT_TIMEOUT, run.round, run.depth - run.frees, run.completions, run.requests, 0);
    return 1;
}

static int submit(const struct sgdma_job *job, uint32_t at) {
    struct queue *queue = &run.queue[job->queue];
    while (!run.frees || queue_room(queue) < job->count + 1u)
        if (wait()) return 1;
    uint32_t tag = run.free[--run.frees], part = at + sizeof(struct sgdma_job);
    run.tags[tag] = (struct under_way){.round = run.round, .job = at};
    queue_put_header(queue, tag, job->opcode, job->port, job->address, job->count, job->length);
    for (uint32_t index = 0; index < job->count; index++, part += sizeof(struct sgdma_part))
        queue_put_segment(queue, tag, index, hal_read(part), hal_read(part + 4));
    run.requests++;
    if (++run.put >= BELL) {
        ring();
        collect();
    }
    return 0;
}

static int drain(void) {
    while (run.frees < run.depth)
        if (wait()) return 1;
    return 0;
}

static void fill(const struct sgdma_job *job) {
    for (uint32_t i = 0; i < job->length / 4; i++) hal_write(job->address + 4 * i, mix(job->seed ^ i));
}

static void verify(const struct sgdma_job *job) {
    for (uint32_t i = 0; i < job->length / 4; i++) {
        uint32_t got = hal_read(job->address + 4 * i), wanted = mix(job->seed ^ i);
        if (got != wanted) {
            fail(SGDMA_FAULT_DATA, job->address + 4 * i, job->number, got, wanted, 0);
            return;
        }
    }
}

/* One round over the operations between two addresses; 0 when it went through. */
static int go_through(uint32_t at, uint32_t end) {
    while (at < end) {
        struct sgdma_job job = load(at);
        if (job.kind == SGDMA_JOB_END) return 0;
        if (job.kind == SGDMA_JOB_REQUEST && job.queue < run.queues) {
            if (submit(&job, at)) return 1;
            at += job.count * sizeof(struct sgdma_part);
        } else if (job.kind == SGDMA_JOB_FILL) {
            if (run.round == 0) fill(&job);
        } else if (job.kind == SGDMA_JOB_VERIFY) {
            if (drain()) return 1;
            verify(&job);
        } else {
            fail(SGDMA_FAULT_PROGRAMME, run.round, at, job.kind, 0, 0);
            return 1;
        }
        at += sizeof(struct sgdma_job);
    }
    return 0;
}

/* Reads the head and starts the queues; the address of the first operation, 0 when it can't be run. */
static uint32_t begin(uint32_t at) {
    struct sgdma_programme head = {hal_read(at),      hal_read(at + 4),  hal_read(at + 8),
                                   hal_read(at + 12), hal_read(at + 16), hal_read(at + 20)};
    if (head.magic != SGDMA_PROGRAMME_MAGIC || head.queues > QUEUES || !head.depth || head.depth > DEPTH) {
        fail(SGDMA_FAULT_PROGRAMME, 0, at, head.magic, SGDMA_PROGRAMME_MAGIC, 0);
        return 0;
    }
    run.queues = head.queues, run.rounds = head.rounds, run.patience = head.patience, run.depth = head.depth;
    for (uint32_t tag = 0; tag < DEPTH; tag++) run.tags[tag].job = 0;
    for (run.frees = 0; run.frees < run.depth; run.frees++) run.free[run.frees] = (uint16_t)(run.depth - 1 - run.frees);
    device_reset();
    at += sizeof head;
    for (uint32_t number = 0; number < run.queues; number++, at += sizeof(struct sgdma_ring)) {
        uint32_t log2 = hal_read(at + 8), cq_log2 = log2 >> 8 & 0xff;
        if (1u << cq_log2 < run.depth) {
            fail(SGDMA_FAULT_PROGRAMME, 0, number, 1u << cq_log2, run.depth, 0);
            return 0;
        }
        uint32_t result = queue_start(&run.queue[number], number, hal_read(at), hal_read(at + 4), log2 & 0xff, cq_log2);
        if (result) {
            fail(SGDMA_FAULT_QUEUE, 0, number, result, 0, 0);
            return 0;
        }
    }
    return at;
}

void run_programme(uint32_t address, volatile struct sgdma_mailbox *result) {
    uint32_t low, high;
    run.result = result;
    result->fault = SGDMA_FAULT_NONE;
    run.digest = run.requests = run.completions = run.round = run.put = 0;
    run.bytes = 0;
    uint32_t first = begin(address), end = address + hal_read(address + 4);
    run.progress = now();
    time64(&run.begin_lo, &run.begin_hi);
    if (first) {
        int ended = 0;
        for (run.round = 0; run.round < run.rounds && !ended; run.round++) ended = go_through(first, end);
        if (!ended) drain();
    }
    time64(&low, &high);
    result->cycles_lo = low - run.begin_lo;
    result->cycles_hi = high - run.begin_hi - (low < run.begin_lo);
    result->requests = run.requests;
    result->completions = run.completions;
    result->digest = run.digest;
    result->bytes_lo = (uint32_t)run.bytes;
    result->bytes_hi = (uint32_t)(run.bytes >> 32);
}
