/* How firmware reaches the bus: words at bus addresses. On the host, host_tests/fake_device.c answers instead. */
#ifndef HAL_H
#define HAL_H

#include <stdint.h>

#include "sgdma_layout.h"

#ifdef HAL_HOST
uint32_t hal_read(uint32_t address);
void hal_write(uint32_t address, uint32_t value);
static inline void hal_barrier(void) {}
#else
static inline uint32_t hal_read(uint32_t address) { return *(volatile uint32_t *)address; }
static inline void hal_write(uint32_t address, uint32_t value) { *(volatile uint32_t *)address = value; }
/* What was written must be in memory before the doorbell: the CPU has no data cache, so order is enough. */
static inline void hal_barrier(void) { __asm__ volatile("fence" ::: "memory"); }
#endif

/* A register by its offset, SGDMA_REG_... */
static inline uint32_t reg_read(uint32_t offset) { return hal_read(SGDMA_CSR_BASE + offset); }
static inline void reg_write(uint32_t offset, uint32_t value) { hal_write(SGDMA_CSR_BASE + offset, value); }

/* Device clock cycles, low half: good for differences below 2**32. */
static inline uint32_t now(void) { return reg_read(SGDMA_REG_SGDMA_TIME_LO); }

/* The generator of all patterns, in hardware and on the host alike. */
static inline uint32_t mix(uint32_t x) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

#endif
