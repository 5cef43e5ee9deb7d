// Root complex of the PCIe bench: answers the device's reads, takes its writes and interrupts, reads and writes its registers.
//
// Dwords of a TLP are the big-endian integers of their bytes on the wire, as LitePCIe's PHYs have them. Memory is that of
// dma_memory.h; `control.h` is generated from sgdma.targets.sim.control, which describes every member. Every packet of the device
// is checked against the specification (tlp_checks.h); a breach is a violation. Writes are visible when their last dword has
// arrived, in the order of arrival, so a record or an interrupt that overtakes its data is seen.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "dma_memory.h"
#include "mailbox.h"
#include "svdpi.h"
#include "tlp_checks.h"

namespace {

constexpr uint32_t BAR0 = 0xD0000000;  // where BAR0 lies
constexpr uint64_t MESSAGES = 0xFEE00000, MESSAGES_END = 0xFEF00000;
constexpr uint32_t HOST_TAG = 0x5A;
constexpr size_t REORDERED = 8;  // reads among which completions change places
constexpr unsigned CREDIT = 16, CREDIT_CYCLES = 4;  // bytes of a write's credit, cycles until one comes back

struct Read {
    TlpHeader request;
    uint64_t due, issued;
    unsigned done = 0;  // bytes that were answered
    uint8_t response = OKAY;
    Mishap mishap = NONE;
};

struct Tag {
    bool busy = false, lost = false;
    uint64_t issued = 0;
};

DmaMemory host;
Control *control;
unsigned lanes;
Tlp taken;                       // arriving from the device
Tlp giving;                      // being sent to it
size_t given;                    // dwords of it that were sent
std::deque<Tlp> requests;        // register accesses on their way
std::deque<Read> reads, late;
Tag tags[256];
uint64_t last_due;
uint32_t written_credits;        // of writes that memory has not taken yet
bool register_busy;

uint32_t swapped(uint32_t word) { return __builtin_bswap32(word); }

// ------------------------------------------------------------------------------------------- from the device

// One of the kinds that are allowed, or none.
Mishap draw() {
    if (!control->tlp_faults || (host.random64() & 0xFFFF) >= control->tlp_fault_rate) return NONE;
    unsigned kind;
    do kind = host.random64() % MISHAPS;
    while (!(control->tlp_faults >> kind & 1));
    control->tlp_fault_count[kind]++;
    return static_cast<Mishap>(kind);
}

void take_read(const TlpHeader &head) {
    Tag &tag = tags[head.tag];
    bool over = tag.lost && control->cycles - tag.issued >= control->tag_rest;
    if (tag.busy && !over) host.violation("read request with a tag that is in use or in quarantine");
    tag = {true, false, control->cycles};
    Read read{head, 0, control->cycles};
    uint64_t jitter = control->jitter ? host.random64() % (control->jitter + 1) : 0;
    read.due = control->cycles + std::max<uint64_t>(control->latency, 1) - 1 + jitter;
    if (!control->out_of_order) last_due = read.due = std::max(read.due, last_due);
    read.mishap = draw();
    if (read.mishap == LOST) tag.lost = true;
    if (read.mishap == LATE) {
        read.due = control->cycles + control->tlp_late;
        late.push_back(read);
    } else if (read.mishap != LOST)
        reads.push_back(read);
}

void take_write(const TlpHeader &head, const Tlp &tlp) {
    const uint32_t *data = tlp.data() + head.words();
    if (head.address >= MESSAGES && head.address < MESSAGES_END) {
        uint32_t vector = swapped(data[0]) & 31;
        control->vectors |= 1u << vector;
        control->vector_count[vector]++;
        return;
    }
    uint64_t first = head.address + head.first_byte(), size = head.bytes();
    if (host.response(first, size, WRITE_ERROR) != OKAY) return;  // posted: nobody is told
    uint8_t *target = host.at(first);
    written_credits += (size + CREDIT - 1) / CREDIT;
    if (!target) return;
    for (unsigned word = 0; word < head.length; word++)
        for (unsigned byte = 0; byte < 4; byte++)
            if (head.enabled(word, byte)) target[4 * word + byte - head.first_byte()] = data[word] >> (24 - 8 * byte);
    control->written_bytes += size;
}

void take_completion(const TlpHeader &head, const Tlp &tlp) {
    if (head.tag != HOST_TAG || head.requester != 0 || control->read_state != 2) {
        host.violation("completion that nobody waits for");
        return;
    }
    if (head.byte_count != 4 * std::max<uint32_t>(control->read_words, 1)) host.violation("completion with a wrong byte count");
    if (head.low_address != (control->read_address & 0x7F)) host.violation("completion with a wrong lower address");
    control->read_status = head.status;
    control->read_value = head.data ? swapped(tlp[3]) : 0xFFFFFFFFu;
    control->read_state = 3;
    register_busy = false;
}

void take(const Tlp &tlp) {
    TlpHeader head(tlp);
    uint32_t *entry = control->tlps + 6 * (control->tlp_count++ % (sizeof control->tlps / 24));
    for (size_t i = 0; i < 5; i++) entry[i] = i < tlp.size() ? tlp[i] : 0;
    entry[5] = tlp.size();
    if (control->link_down) return;
    const char *breach = breach_of(head, tlp, control->mps, control->mrrs, FUNCTION);
    if (breach) host.violation(breach);
    if (head.completion()) take_completion(head, tlp);
    else if (head.memory() && head.data) take_write(head, tlp);
    else if (head.memory()) take_read(head);
}

// -------------------------------------------------------------------------------------------- to the device

// Bytes of the next completion: it ends at a read completion boundary, or where the request ends.
unsigned portion(const Read &read) {
    uint64_t at = read.request.address + read.done, rcb = control->rcb;
    uint64_t end = (at + control->mps) / rcb * rcb;
    if (control->tlp_split) {
        uint64_t first = at / rcb * rcb + rcb;
        end = first + host.random64() % ((end - first) / rcb + 1) * rcb;
    }
    return std::min<uint64_t>(4 * read.request.length - read.done, end - at);
}

Tlp error_completion(const Read &read, unsigned status) {
    unsigned left = 4 * read.request.length - read.done;
    uint32_t low = (read.request.address + read.done) & 0x7F;
    return {0x0A000000u, status << 13 | (left & 0xFFF), uint32_t(FUNCTION) << 16 | uint32_t(read.request.tag) << 8 | low};
}

// The next completion of a read; `over` when it was the last.
Tlp completion(Read &read, bool &over) {
    if (!read.done) {
        uint64_t size = 4 * read.request.length;
        read.response = host.response(read.request.address, size, READ_ERROR);
        if (read.response == OKAY && !host.at(read.request.address)) read.response = DECERR;
    }
    unsigned left = 4 * read.request.length - read.done, size = portion(read);
    over = true;
    if (read.response == DECERR || read.mishap == UNSUPPORTED) return error_completion(read, 1);
    if (read.response == SLVERR || read.mishap == ABORTED) return error_completion(read, 4);
    Tlp tlp = error_completion(read, 0);
    tlp[0] = 0x4A000000u | size / 4;
    const uint8_t *bytes = host.at(read.request.address + read.done);
    for (unsigned i = 0; i < size; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, 4);
        tlp.push_back(swapped(word));
    }
    read.done += size;
    over = size == left;
    if (over && read.mishap == CUT_OFF) {  // all but the last
        tags[read.request.tag].lost = true;
        return {};
    }
    if (read.mishap == POISONED) tlp[0] |= 1u << 14;
    if (read.mishap == WRONG_LENGTH) tlp[0] ^= size / 4 ^ (size / 4 + 1);
    if (read.mishap == TRUNCATED) tlp.resize(std::max<size_t>(3, tlp.size() - 1 - lanes));
    if (read.mishap == WRONG_LENGTH || read.mishap == TRUNCATED) tags[read.request.tag].lost = over = true;
    if (read.mishap == STRAY) {  // one that nobody asked for, before the right ones
        read.mishap = NONE;
        read.done = 0;
        over = false;
        tlp[2] ^= 1u << 19;  // of another function
    }
    return tlp;
}

void finish(const Read &read) {
    if (!tags[read.request.tag].lost) tags[read.request.tag].busy = false;
}

template <typename Queue> bool answer(Queue &queue, size_t place) {
    bool over;
    giving = completion(queue[place], over);
    if (over) {
        finish(queue[place]);
        queue.erase(queue.begin() + place);
    }
    return !giving.empty();
}

// What is sent next: register accesses first, then completions that are due.
bool next() {
    giving.clear();
    given = 0;
    if (!requests.empty()) {
        giving = std::move(requests.front());
        requests.pop_front();
        return true;
    }
    for (size_t i = 0; i < late.size(); i++)
        if (late[i].due <= control->cycles) return answer(late, i);
    if (!control->out_of_order) return !reads.empty() && reads.front().due <= control->cycles && answer(reads, 0);
    size_t due[REORDERED], count = 0;
    for (size_t i = 0; i < reads.size() && count < REORDERED; i++)
        if (reads[i].due <= control->cycles) due[count++] = i;
    return count && answer(reads, due[host.random64() % count]);
}

// Posted writes in order, then the read that waits behind them.
void access_registers() {
    if (control->link_down) {
        control->writes_head = control->writes_tail;
        if (control->read_state == 1 || control->read_state == 2) {
            control->read_value = 0xFFFFFFFFu;  // as a host sees a device that is gone
            control->read_state = 3;
            register_busy = false;
        }
        return;
    }
    if (!mailbox_empty(*control) && requests.size() < 4) {
        uint32_t slot = next_write(*control);
        requests.push_back({0x40000001u, 0x0000000Fu, BAR0 | control->write_address[slot], swapped(control->write_value[slot])});
    } else if (mailbox_empty(*control) && !register_busy && control->read_state == 1) {
        uint32_t words = std::max<uint32_t>(control->read_words, 1);
        requests.push_back({words, HOST_TAG << 8 | (words > 1 ? 0xFFu : 0x0Fu), BAR0 | control->read_address});
        control->read_state = 2;
        register_busy = true;
    }
}

// Whether the PHY takes no packet for want of credits. It has one stream, so one that can't go holds up all behind it.
bool without_credits() {
    if (written_credits && control->cycles % CREDIT_CYCLES == 0) written_credits--;
    if (!taken.empty()) return false;
    return (control->read_credits && reads.size() >= control->read_credits)
        || (control->write_credits && written_credits + control->mps / CREDIT > control->write_credits);
}

// The device is reset, or out of reach: nothing that it asked for is answered.
void forget_everything() {
    requests.clear();
    reads.clear();
    late.clear();
    for (Tag &tag : tags) tag.lost = tag.busy;
    register_busy = false;
}

void reset_device() {
    forget_everything();
    written_credits = 0;
    taken.clear();
    giving.clear();
    given = 0;
    for (Tag &tag : tags) tag = {};
    forget_accesses(*control);
}

}  // namespace

extern "C" {

void rc_open(int beat_bytes) {
    host.open();
    control = host.control;
    lanes = beat_bytes / 4;
}

void rc_violation(const char *text) { host.violation(text); }

void rc_take(const svBitVecVal *data, const svBitVecVal *enables, svBit first, svBit last) {
    if (first != taken.empty()) host.violation("`first` in the wrong place");
    control->tx_beats++;
    bool ended = false;
    for (unsigned lane = 0; lane < lanes; lane++) {
        unsigned enabled = enables[lane / 8] >> (4 * (lane % 8)) & 15;
        if (enabled == 15 && !ended) taken.push_back(data[lane]);
        else if (enabled == 0 && last && lane > 0) ended = true;
        else host.violation("lanes of a beat are not those of whole dwords, from the first on");
    }
    if (!last) return;
    take(taken);
    taken.clear();
}

void rc_step(svBit rx_free, svBit *tx_ready, svBit *rx_new, svBit *rx_last, svBit *woken, svBit *reset, int *max_payload,
             int *max_request) {
    control->cycles++;
    *reset = control->reset != 0;
    if (*reset) reset_device();
    *max_payload = control->mps;
    *max_request = control->mrrs;
    if (control->link_down && !reads.empty()) forget_everything();
    access_registers();

    *rx_new = 0;
    if (rx_free && !host.hesitates() && (given < giving.size() || next())) {
        given += lanes;
        *rx_new = 1;
        *rx_last = given >= giving.size();
        control->rx_beats++;
    }
    *tx_ready = !without_credits() && !host.hesitates();

    uint32_t want = control->want;
    bool met = ((want & WANT_READ) && control->read_state == 3) || ((want & WANT_TIME) && control->cycles >= control->wake_at)
        || ((want & WANT_DRAIN) && mailbox_empty(*control) && requests.empty()) || ((want & WANT_VECTOR) && control->vectors);
    *woken = met;
    if (met) control->want = 0;
}

void rc_give(svBitVecVal *data) {
    for (unsigned lane = 0; lane < lanes; lane++) {
        size_t place = given - lanes + lane;
        data[lane] = place < giving.size() ? giving[place] : 0xDEADBEEFu;
    }
}

}  // extern "C"
