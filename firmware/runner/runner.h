/* The on-board runner: goes through a request programme as fast as device and CPU can. */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdint.h>

#include "sgdma_layout.h"

/* Runs the programme at a bus address and writes counts, digest and first failure to `result`. The device is reset
   first; its queues stay started. */
void run_programme(uint32_t address, volatile struct sgdma_mailbox *result);

#endif
