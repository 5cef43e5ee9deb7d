/* Bring-up self-test: runs without a host, tells in TAP on the console and in the mailbox's result word. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "mailbox.h"

void self_test(volatile struct sgdma_mailbox *mailbox);
/* The interrupt handler counts here: vectors that came since. */
extern volatile uint32_t interrupts_seen;
void interrupts_on(void);
void interrupts_off(void);

#endif
