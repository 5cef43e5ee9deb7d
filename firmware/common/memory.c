/* What gcc calls by itself for structures; there is no libc. */
#include <stddef.h>
#include <stdint.h>

void *memset(void *to, int value, size_t size) {
    uint8_t *byte = to;
    while (size--) *byte++ = (uint8_t)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    uint8_t *byte = to;
    const uint8_t *source = from;
    while (size--) *byte++ = *source++;
    return to;
}
