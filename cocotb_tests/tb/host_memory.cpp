// Host side of the bench: AXI4 memory over plain process memory, register mailbox, and the wake-up of Python.
//
// What memory holds and refuses is in dma_memory.h; `control.h` is generated from the numpy dtype in sgdma.targets.sim.control,
// which describes every member. Called once a clock; Python runs only while the simulation stands, so nothing needs locks.
//
// Writes become visible when their response is due, not when their data arrives: a device that reports a request complete before
// memory has answered is caught by the data not being there.

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "dma_memory.h"
#include "mailbox.h"
#include "svdpi.h"

namespace {

constexpr uint64_t POLL_CYCLES = 64;  // between two looks at the socket
constexpr size_t DEPTH = 1024;  // bursts that memory takes in before it stops being ready
constexpr size_t WIDEST = 64;  // bytes of a beat

struct Read {
    uint64_t address, due;
    unsigned beats, done;
    uint8_t response;
};

struct Beat {
    uint8_t data[WIDEST];
    uint64_t strobe;
    bool last;
};

struct Write {
    uint64_t address, due;
    unsigned beats;
    bool id;
    uint8_t response;
    std::vector<Beat> data;
};

DmaMemory host;
Control *control;
unsigned beat_bytes;
uint64_t full;  // the strobe of a whole beat

std::deque<Read> reads[2];
std::deque<Write> writes;       // addresses whose data is still coming, in order
std::deque<Beat> early;         // data, which AXI allows to come before its address
std::deque<Write> answers[2];   // complete, waiting for their response
std::deque<bool> read_order, answer_order;
uint64_t last_read_due, last_answer_due;
Beat incoming;
bool register_busy;
bool leaving;  // a reset was asked for, and the device is not in it yet: its accesses are nobody's
const uint8_t *next_read;
uint8_t nothing[WIDEST];

void check_burst(uint64_t address, unsigned beats) {
    if (address % beat_bytes) host.violation("burst address is not beat-aligned");
    if (address / PAGE != (address + uint64_t(beats) * beat_bytes - 1) / PAGE) host.violation("burst crosses 4 KiB");
}

// In-order memory answers in the order of addresses; else each id has its own order and they overtake at random.
uint64_t due(uint64_t &last) {
    uint64_t jitter = control->jitter ? host.random64() % (control->jitter + 1) : 0;
    uint64_t when = control->cycles + std::max<uint64_t>(control->latency, 1) - 1 + jitter;
    if (!control->out_of_order) last = when = std::max(when, last);
    return when;
}

template <typename Queue> int pick(const Queue (&queues)[2], const std::deque<bool> &order) {
    bool can[2];
    for (int id = 0; id < 2; id++) can[id] = !queues[id].empty() && queues[id].front().due <= control->cycles;
    if (!control->out_of_order) return !order.empty() && can[order.front()] ? order.front() : -1;
    if (can[0] && can[1]) return host.random64() & 1;
    return can[0] ? 0 : can[1] ? 1 : -1;
}

// When the order of addresses is not kept, forget it entry by entry.
void forget(std::deque<bool> &order, bool id) {
    auto place = std::find(order.begin(), order.end(), id);
    if (place != order.end()) order.erase(place);
}

void commit(Write &write) {
    if (write.response != OKAY) return;
    uint64_t address = write.address;
    for (const Beat &beat : write.data) {
        uint8_t *target = host.at(address);
        if (!target) {
            write.response = DECERR;
            return;
        }
        if (beat.strobe == full) memcpy(target, beat.data, beat_bytes);
        else
            for (uint64_t rest = beat.strobe; rest; rest &= rest - 1) {
                int i = std::countr_zero(rest);
                target[i] = beat.data[i];
            }
        address += beat_bytes;
    }
}

// Errors count only for bytes that are really written: a partial beat may lie beside a forbidden one.
uint8_t write_response(const Write &write) {
    uint64_t first = 0, end = 0, place = 0;  // from the burst's address on
    for (const Beat &beat : write.data) {
        if (beat.strobe && !end) first = place + std::countr_zero(beat.strobe);
        if (beat.strobe) end = place + std::bit_width(beat.strobe);
        place += beat_bytes;
    }
    return end ? host.response(write.address + first, end - first, WRITE_ERROR) : OKAY;
}

void take_data(const Beat &beat) {
    Write &write = writes.front();
    write.data.push_back(beat);
    if (write.data.back().last != (write.data.size() == write.beats)) host.violation("WLAST in the wrong place");
    if (write.data.size() < write.beats) return;
    write.response = write_response(write);
    write.due = due(last_answer_due);
    answer_order.push_back(write.id);
    answers[write.id].push_back(std::move(write));
    writes.pop_front();
}

// Whether the socket that Python listens to has something for it; asked now and then.
bool message_waits() {
    if (control->cycles % POLL_CYCLES) return false;
    pollfd socket{static_cast<int>(control->socket), POLLIN, 0};
    return poll(&socket, 1, 0) > 0;
}

// The device is reset: what it asked for is answered no more, what it wrote and was not told of is not done.
void forget_requests() {
    for (int id = 0; id < 2; id++) {
        reads[id].clear();
        answers[id].clear();
    }
    writes.clear();
    early.clear();
    read_order.clear();
    answer_order.clear();
}

void reset_device() {
    forget_requests();
    leaving = true;
    register_busy = false;
    forget_accesses(*control);
}

}  // namespace

extern "C" {

void host_open(int data_bytes) {
    host.open();
    control = host.control;
    beat_bytes = data_bytes;
    full = ~uint64_t(0) >> (64 - beat_bytes);
    memset(nothing, 0xA5, sizeof nothing);
}

void host_forget() {
    forget_requests();
    leaving = false;
}

void host_violation(const char *text) { host.violation(text); }

void host_write_beat(const svBitVecVal *data, const svBitVecVal *strobe) {
    memcpy(incoming.data, data, beat_bytes);
    memcpy(&incoming.strobe, strobe, (beat_bytes + 7) / 8);
}

void host_read_beat(svBitVecVal *data) { memcpy(data, next_read, beat_bytes); }

void host_step(svBit irq, int vectors, svBit ar_fire, int64_t ar_addr, char ar_len, svBit ar_id, svBit aw_fire, int64_t aw_addr,
               char aw_len, svBit aw_id, svBit w_fire, svBit w_last, svBit r_free, svBit b_free, svBit *ar_ready,
               svBit *aw_ready, svBit *w_ready, svBit *r_new, svBit *r_id, char *r_resp, svBit *r_last, svBit *b_new,
               svBit *b_id, char *b_resp, svBit *reg_write, svBit *reg_read, int *reg_addr, int *reg_value, svBit reg_done,
               int reg_result, svBit *woken, svBit *reset) {
    control->cycles++;
    control->vectors |= static_cast<uint32_t>(vectors);
    *reset = control->reset != 0;
    if (*reset) reset_device();
    if (leaving) ar_fire = aw_fire = w_fire = 0;

    if (ar_fire) {
        unsigned beats = static_cast<uint8_t>(ar_len) + 1u;
        uint64_t address = static_cast<uint64_t>(ar_addr);
        check_burst(address, beats);
        reads[ar_id].push_back({address, due(last_read_due), beats, 0, 0});
        read_order.push_back(ar_id);
    }
    if (aw_fire) {
        unsigned beats = static_cast<uint8_t>(aw_len) + 1u;
        check_burst(static_cast<uint64_t>(aw_addr), beats);
        writes.push_back({static_cast<uint64_t>(aw_addr), 0, beats, bool(aw_id), 0, {}});
        writes.back().data.reserve(beats);
    }
    if (w_fire) {
        incoming.last = w_last;
        early.push_back(incoming);
    }
    for (; !early.empty() && !writes.empty(); early.pop_front()) take_data(early.front());
    if (early.size() > 256) host.violation("more than 256 beats of write data without an address");

    *r_new = 0;
    if (r_free && !host.hesitates()) {
        int id = pick(reads, read_order);
        if (id >= 0) {
            Read &read = reads[id].front();
            if (read.done == 0) read.response = host.response(read.address, uint64_t(read.beats) * beat_bytes, READ_ERROR);
            next_read = read.response == OKAY ? host.at(read.address + uint64_t(read.done) * beat_bytes) : nullptr;
            if (!next_read) {
                if (read.response == OKAY) read.response = DECERR;
                next_read = nothing;
            }
            read.done++;
            *r_new = 1;
            *r_id = id;
            *r_resp = read.response;
            *r_last = read.done == read.beats;
            if (*r_last) {
                reads[id].pop_front();
                forget(read_order, id);
            }
        }
    }
    *b_new = 0;
    if (b_free && !host.hesitates()) {
        int id = pick(answers, answer_order);
        if (id >= 0) {
            Write &write = answers[id].front();
            commit(write);
            *b_new = 1;
            *b_id = id;
            *b_resp = write.response;
            answers[id].pop_front();
            forget(answer_order, id);
        }
    }
    size_t waiting = reads[0].size() + reads[1].size();
    *ar_ready = waiting < DEPTH && !host.hesitates();
    *aw_ready = writes.size() + answers[0].size() + answers[1].size() < DEPTH && !host.hesitates();
    *w_ready = !host.hesitates();

    // Registers: posted writes in order, then the read that waits behind them.
    *reg_write = *reg_read = 0;
    if (reg_done && register_busy) {
        register_busy = false;
        if (control->read_state == 2) {
            control->read_value = reg_result;
            control->read_state = 3;
        }
    } else if (!register_busy && !mailbox_empty(*control)) {
        uint32_t slot = next_write(*control);
        *reg_write = 1;
        *reg_addr = control->write_address[slot];
        *reg_value = control->write_value[slot];
        register_busy = true;
    } else if (!register_busy && control->read_state == 1) {
        *reg_read = 1;
        *reg_addr = control->read_address;
        control->read_state = 2;
        register_busy = true;
    }

    uint32_t want = control->want;
    bool met = ((want & WANT_READ) && control->read_state == 3) || ((want & WANT_TIME) && control->cycles >= control->wake_at)
        || ((want & WANT_IRQ) && irq) || ((want & WANT_DRAIN) && mailbox_empty(*control) && !register_busy)
        || ((want & WANT_VECTOR) && control->vectors) || ((want & WANT_MESSAGE) && message_waits());
    *woken = met;
    if (met) {
        control->irq = irq;
        control->want = 0;
    }
}

}  // extern "C"
