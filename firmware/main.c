/* Boots, tests the board, then does what the host writes into the mailbox. */
#include "hal.h"
#include "mailbox.h"
#include "runner/runner.h"
#include "selftest/selftest.h"
#include "sgdma_cases.h"

#define IRQ_MASK 0xbc0 /* VexRiscv's own CSRs: lines let through, lines pending */

volatile uint32_t interrupts_seen;

void interrupts_on(void) {
    __asm__ volatile("csrw %0, %1" ::"i"(IRQ_MASK), "r"(1u << SGDMA_INTERRUPT));
    __asm__ volatile("csrw mie, %0" ::"r"(0x800u));
    __asm__ volatile("csrsi mstatus, 8");
}

void interrupts_off(void) { __asm__ volatile("csrci mstatus, 8"); }

void trap(uint32_t cause, uint32_t pc) {
    if (cause >> 31) {
        uint32_t pending = reg_read(SGDMA_REG_SGDMA_EV_PENDING);
        reg_write(SGDMA_REG_SGDMA_EV_PENDING, pending);
        interrupts_seen |= pending;
        return;
    }
    shared.mailbox.trap_cause = cause;
    shared.mailbox.trap_pc = pc;
    shared.mailbox.state = SGDMA_STATE_TRAP;
    for (;;) {
    }
}

int main(void) {
    volatile struct sgdma_mailbox *mailbox = &shared.mailbox;
    mailbox->map_hash = SGDMA_MAP_HASH;
    mailbox->magic = SGDMA_FIRMWARE_MAGIC;
    put_text("sgdma firmware\n");
    mailbox->state = SGDMA_STATE_SELFTEST;
    self_test(mailbox);
    for (uint32_t served = 0;;) {
        mailbox->state = SGDMA_STATE_IDLE;
        while (mailbox->ticket == served) {
        }
        served = mailbox->ticket;
        mailbox->state = mailbox->command == SGDMA_DO_SELFTEST ? SGDMA_STATE_SELFTEST : SGDMA_STATE_RUNNING;
        if (mailbox->command == SGDMA_DO_SELFTEST) self_test(mailbox);
        if (mailbox->command == SGDMA_DO_RUN) run_programme(mailbox->argument, mailbox);
        mailbox->done = served;
    }
}
