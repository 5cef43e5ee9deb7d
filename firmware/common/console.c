/* Text for whoever reads the console's ring. */
#include "mailbox.h"

volatile struct shared shared __attribute__((section(".mailbox")));

static void put_char(char c) {
    uint32_t head = shared.mailbox.console_head;
    shared.console[head & (SGDMA_CONSOLE_BYTES - 1)] = (uint8_t)c;
    shared.mailbox.console_head = head + 1;
}

void put_text(const char *text) {
    while (*text) put_char(*text++);
}

void put_number(uint32_t value) {
    char digits[11];
    int place = 10;
    digits[place] = 0;
    do {
        digits[--place] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put_text(digits + place);
}

void put_hex(uint32_t value) {
    put_text("0x");
    for (int shift = 28; shift >= 0; shift -= 4) put_char("0123456789abcdef"[value >> shift & 15]);
}
