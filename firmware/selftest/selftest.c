/* Bring-up self-test: clock, registers, memory, reset, DMA out and back, rule rejection, interrupt, reset; in this order. */
#include "selftest.h"

#include "hal.h"
#include "queue.h"
#include "sgdma_cases.h"

#define WAIT 2000000u
#define MEMORY SGDMA_MEMORY_BASE

static volatile struct sgdma_mailbox *told;
static uint32_t number, failed;
static struct queue queue;

static void check(int good, const char *what, uint32_t got, uint32_t expected) {
    put_text(good ? "ok " : "not ok ");
    put_number(++number);
    put_text(" - ");
    put_text(what);
    if (!good) {
        failed++;
        put_text(" # got ");
        put_hex(got);
        put_text(", expected ");
        put_hex(expected);
    }
    put_text("\n");
    told->selftest = (number - failed) | failed << 16;
}

static void equal(const char *what, uint32_t got, uint32_t expected) { check(got == expected, what, got, expected); }

static void clock_runs(void) {
    uint32_t begin = now(), end = begin;
    for (int i = 0; i < 1000 && end - begin < 100; i++) end = now();
    check(end - begin >= 100, "clock: device time advances", end - begin, 100);
    equal("clock: the frequency is the one this firmware was built for", reg_read(SGDMA_REG_SGDMA_CLOCK_HZ),
          SGDMA_CLOCK_HZ);
}

static void registers_answer(void) {
    equal("registers: this is an sgdma core", reg_read(SGDMA_REG_SGDMA_MAGIC), SGDMA_MAGIC);
    equal("registers: map and layouts are those of this firmware", reg_read(SGDMA_REG_SGDMA_MAP_HASH), SGDMA_MAP_HASH);
    reg_write(SGDMA_REG_SGDMA_SCRATCH, 0xa55a1234);
    equal("registers: scratch keeps what is written", reg_read(SGDMA_REG_SGDMA_SCRATCH), 0xa55a1234);
}

/* Every data line by a walking one, every address line by a value of its own. */
static void memory_works(void) {
    uint32_t bad = 0, got = 0, step;
    for (uint32_t bit = 1; bit; bit <<= 1) {
        hal_write(MEMORY, bit);
        hal_write(MEMORY + 4, ~bit);
        if (hal_read(MEMORY) != bit) bad = bit, got = hal_read(MEMORY);
    }
    check(!bad, "memory: data lines", got, bad);
    bad = 0;
    hal_write(MEMORY, 0x5eed0000);
    for (step = 4; step < SGDMA_MEMORY_BYTES; step <<= 1) hal_write(MEMORY + step, step);
    for (step = 4; step < SGDMA_MEMORY_BYTES; step <<= 1)
        if (hal_read(MEMORY + step) != step) bad = step, got = hal_read(MEMORY + step);
    check(!bad && hal_read(MEMORY) == 0x5eed0000, "memory: address lines", got, bad);
}

/* One request of one segment; its completion, or status 0xff when none came. */
static struct sgdma_completion request(uint32_t tag, uint32_t opcode, uint32_t card, uint32_t address, uint32_t total,
                                       uint32_t field) {
    struct sgdma_completion record = {.status = 0xff};
    uint32_t begin = now();
    queue_put_header(&queue, tag, opcode, SGDMA_PORT_MEMORY, card, 1, total);
    queue_put_segment(&queue, tag, 0, address, field);
    queue_ring(&queue);
    while (!queue_take(&queue, &record))
        if (now() - begin > WAIT) return record;
    queue_release(&queue, 0);
    return record;
}

static void dma_moves_data(void) {
    uint32_t from = MEMORY + SELFTEST_H2C_OFFSET, to = MEMORY + SELFTEST_C2H_OFFSET, wrong = 0, i;
    equal("queue: starts", queue_start(&queue, 0, MEMORY + SELFTEST_SQ_OFFSET, MEMORY + SELFTEST_CQ_OFFSET, 5, 4), 0);
    for (i = 0; i < SELFTEST_H2C_LENGTH / 4; i++) hal_write((from & ~3u) + 4 * i, mix(i + 1));
    struct sgdma_completion out = request(7, SGDMA_OP_H2C, SELFTEST_CARD, from, SELFTEST_H2C_LENGTH, SELFTEST_H2C_FIELD);
    equal("dma: host to card completes well", out.status, SGDMA_STATUS_OK);
    equal("dma: the completion names the request", out.tag, 7);
    struct sgdma_completion in = request(8, SGDMA_OP_C2H, SELFTEST_CARD, to, SELFTEST_C2H_LENGTH, SELFTEST_C2H_FIELD);
    equal("dma: card to host completes well", in.status, SGDMA_STATUS_OK);
    for (i = 0; i < SELFTEST_C2H_LENGTH / 4; i++)
        if (hal_read(to + 4 * i) != mix(i + 1)) wrong++;
    equal("dma: what comes back is what was sent", wrong, 0);
}

static void rules_are_enforced(void) {
#if SELFTEST_BAD_STATUS == 0
    check(1, "rules: a violating request is refused # SKIP these rules refuse nothing", 0, 0);
#else
    struct sgdma_completion bad =
        request(9, SELFTEST_BAD_OPCODE, SELFTEST_CARD, MEMORY + SELFTEST_BAD_OFFSET, SELFTEST_BAD_LENGTH, SELFTEST_BAD_FIELD);
    equal("rules: a violating request is refused by the rule's name", bad.status, SELFTEST_BAD_STATUS);
    equal("rules: ... and moves no byte", bad.bytes_moved, 0);
#endif
}

static void interrupts_arrive(void) {
    uint32_t begin = now();
    interrupts_seen = 0;
    reg_write(SGDMA_REG_SGDMA_EV_PENDING, 0xffffffff);
    reg_write(SGDMA_REG_SGDMA_EV_ENABLE, 1);
    queue_release(&queue, 1);
    interrupts_on();
    request(10, SGDMA_OP_H2C, SELFTEST_CARD, MEMORY + SELFTEST_H2C_OFFSET, SELFTEST_H2C_LENGTH, SELFTEST_H2C_FIELD);
    while (!interrupts_seen && now() - begin < WAIT) {
    }
    interrupts_off();
    reg_write(SGDMA_REG_SGDMA_EV_ENABLE, 0);
    equal("interrupt: a completion's vector reaches the CPU", interrupts_seen, 1);
}

void self_test(volatile struct sgdma_mailbox *mailbox) {
    told = mailbox;
    number = failed = 0;
    put_text("TAP version 13\n");
    clock_runs();
    registers_answer();
    memory_works();
    check(device_reset() == 0, "reset: comes to an end", reg_read(SGDMA_REG_SGDMA_STATUS), 0);
    dma_moves_data();
    rules_are_enforced();
    interrupts_arrive();
    check(device_reset() == 0, "reset: after traffic as well", reg_read(SGDMA_REG_SGDMA_STATUS), 0);
    put_text("1..");
    put_number(number);
    put_text("\n");
    told->selftest |= 1u << 31;
}
