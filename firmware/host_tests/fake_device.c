/* A device for tests of the firmware's logic on the host: completes each request at the doorbell, well or as told.

   run PROGRAMME [drop N] [double N] [status N] [skip N] [data ADDRESS]

   PROGRAMME is a file that is loaded at the end of memory. `drop`, `double`, `status`, `skip`: completion number N is lost,
   written twice, bad, or one ahead in its sequence number; `data`: the word at that bus address is damaged behind the last request. The mailbox is printed,
   a field a line. Whatever leaves the rings or memory ends the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal.h"
#include "runner/runner.h"

#define BASE 0x80000000u
#define SIZE (1u << 20)
#define PLACE (SIZE - 0x10000)

static uint32_t memory[SIZE / 4], registers[0x2000 / 4], clock_now, written;
static long drop = -1, doubled = -1, bad = -1, skipped = -1, damaged = -1;

struct rings {
    uint32_t sq, cq, sq_log2, cq_log2, head, tail;
};
static struct rings rings[8];

static uint32_t *word(uint32_t address) {
    if (address % 4 || address - BASE >= SIZE) {
        fprintf(stderr, "access to %#x: outside of memory\n", address);
        exit(3);
    }
    return &memory[(address - BASE) / 4];
}

static void complete(uint32_t number, uint32_t tag, uint32_t opcode, uint32_t bytes, int good, uint32_t ahead) {
    struct rings *ring = &rings[number];
    uint32_t at = ring->cq + 32 * (ring->tail & ((1u << ring->cq_log2) - 1));
    uint32_t phase = ~(ring->tail >> ring->cq_log2) & 1;
    *word(at) = tag | (ring->tail + ahead) << 16;
    *word(at + 4) = SGDMA_NO_SEGMENT | (good ? 0u : SGDMA_STATUS_BUS_ERROR) << 16 | opcode << 24;
    *word(at + 8) = bytes;
    *word(at + 12) = 0;
    *word(at + 24) = ring->head;
    *word(at + 28) = number | phase << 16;
    ring->tail = (ring->tail + 1) & 0xffff;
}

static void doorbell(uint32_t number, uint32_t tail) {
    struct rings *ring = &rings[number];
    uint32_t mask = (1u << ring->sq_log2) - 1;
    while (ring->head != tail) {
        uint32_t at = ring->sq + 16 * (ring->head & mask), count = *word(at + 4) >> 16, last = *word(at + 12);
        if (last >> 28 != SGDMA_KIND_HEADER) {
            fprintf(stderr, "slot %u is no header\n", ring->head);
            exit(3);
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t slot = ring->sq + 16 * ((ring->head + 1 + i) & mask), d = *word(slot + 12);
            if (d >> 28 != SGDMA_KIND_SEGMENT || (d & 0xffff) != (last & 0xffff) || (d >> 16 & 0xfff) != i) {
                fprintf(stderr, "slot %u is not segment %u of its request\n", ring->head + 1 + i, i);
                exit(3);
            }
        }
        ring->head = (ring->head + 1 + count) & 0xfffff;
        long number_of_this = written++;
        if (number_of_this == drop) continue;
        uint32_t bytes = *word(at + 8), opcode = last >> 24 & 15;
        complete(number, last & 0xffff, opcode, bytes, number_of_this != bad, number_of_this == skipped);
        if (number_of_this == doubled) complete(number, last & 0xffff, opcode, bytes, 1, 0);
        if (damaged >= 0) *word((uint32_t)damaged) ^= 0x100;
    }
}

uint32_t hal_read(uint32_t address) {
    if (address - SGDMA_CSR_BASE >= sizeof registers) return *word(address);
    uint32_t offset = address - SGDMA_CSR_BASE;
    if (offset == SGDMA_REG_SGDMA_TIME_LO) return clock_now += 7;
    return registers[offset / 4];
}

void hal_write(uint32_t address, uint32_t value) {
    if (address - SGDMA_CSR_BASE >= sizeof registers) {
        *word(address) = value;
        return;
    }
    uint32_t offset = address - SGDMA_CSR_BASE;
    if (offset == SGDMA_REG_SGDMA_QUEUE_COMMAND) {
        uint32_t *r = registers, size = r[SGDMA_REG_SGDMA_QUEUE_SIZE / 4];
        rings[r[SGDMA_REG_SGDMA_QUEUE_SELECT / 4]] =
            (struct rings){r[SGDMA_REG_SGDMA_QUEUE_SQ_BASE_LO / 4], r[SGDMA_REG_SGDMA_QUEUE_CQ_BASE_LO / 4],
                           size & 0xff, size >> 8 & 0xff, 0, 0};
        return;
    }
    if (offset == SGDMA_REG_SGDMA_CONTROL) return;
    registers[offset / 4] = value;
    if (offset == SGDMA_REG_SGDMA_SQ_DOORBELL && value >> 20 & 15) {
        fprintf(stderr, "doorbell %#x: bits 23:20 are nobody's\n", value);
        exit(3);
    }
    if (offset == SGDMA_REG_SGDMA_SQ_DOORBELL) doorbell(value >> 24, value & 0xfffff);
}

int main(int count, char **arguments) {
    static struct sgdma_mailbox box;
    FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
    if (!file || !fread(&memory[PLACE / 4], 1, SIZE - PLACE, file)) return 2;
    fclose(file);
    for (int i = 2; i + 1 < count; i += 2) {
        long value = strtol(arguments[i + 1], NULL, 0);
        if (!strcmp(arguments[i], "drop")) drop = value;
        if (!strcmp(arguments[i], "double")) doubled = value;
        if (!strcmp(arguments[i], "status")) bad = value;
        if (!strcmp(arguments[i], "skip")) skipped = value;
        if (!strcmp(arguments[i], "data")) damaged = value;
    }
    run_programme(BASE + PLACE, &box);
    printf("fault %u\nrequests %u\ncompletions %u\ndigest %u\nbytes %u\n", box.fault, box.requests, box.completions,
           box.digest, box.bytes_lo);
    printf("first_round %u\nfirst_job %u\nfirst_got %u\nfirst_expected %u\n", box.first_round, box.first_job,
           box.first_got, box.first_expected);
    return 0;
}
