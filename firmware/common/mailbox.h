/* The mailbox at the start of SRAM, and the console behind it. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "sgdma_layout.h"

struct shared {
    struct sgdma_mailbox mailbox;
    uint8_t console[SGDMA_CONSOLE_BYTES];
};

extern volatile struct shared shared;

/* To the console's ring, which the host reads at its leisure; the oldest is overwritten. */
void put_text(const char *text);
void put_number(uint32_t value); /* decimal */
void put_hex(uint32_t value);

#endif
