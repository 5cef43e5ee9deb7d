// What the benches share of talking to Python: register accesses that it asks for, and the wishes that wake it.
//
// `control.h` describes the members. Posted writes are a ring, in order; one read at a time waits behind them.

#pragma once

#include <cstdint>

#include "control.h"

inline bool mailbox_empty(const Control &control) { return control.writes_head == control.writes_tail; }

// Takes the next posted write; its slot in `write_address` and `write_value`.
inline uint32_t next_write(Control &control) {
    return control.writes_head++ % (sizeof control.write_address / sizeof control.write_address[0]);
}

// The device was reset: no access is under way any more, no interrupt is told of.
inline void forget_accesses(Control &control) {
    control.vectors = 0;
    control.writes_head = control.writes_tail;
    control.read_state = 0;
    control.reset = 0;
}
