// A TLP's header taken apart, and what the specification demands of packets that a device sends.

#pragma once

#include <cstdint>
#include <vector>

using Tlp = std::vector<uint32_t>;

constexpr uint16_t FUNCTION = 0x0100;  // bus 1, device 0, function 0

struct TlpHeader {
    bool data, wide;
    uint8_t kind, traffic_class, tag = 0, first_be = 0, last_be = 0, low_address = 0;
    uint16_t requester = 0, completer = 0;
    unsigned length, status = 0, byte_count = 0;
    uint64_t address = 0;
    uint32_t first;

    explicit TlpHeader(const Tlp &tlp) {
        auto word = [&](size_t i) { return i < tlp.size() ? tlp[i] : 0; };
        first = word(0);
        data = first >> 30 & 1;
        wide = first >> 29 & 1;
        kind = first >> 24 & 31;
        traffic_class = first >> 20 & 7;
        length = first & 0x3FF ? first & 0x3FF : 1024;
        if (completion()) {
            completer = word(1) >> 16;
            status = word(1) >> 13 & 7;
            byte_count = word(1) & 0xFFF;
            requester = word(2) >> 16;
            tag = word(2) >> 8;
            low_address = word(2) & 0x7F;
        } else {
            requester = word(1) >> 16;
            tag = word(1) >> 8;
            last_be = word(1) >> 4 & 15;
            first_be = word(1) & 15;
            address = wide ? uint64_t(word(2)) << 32 | word(3) : word(2);
        }
    }

    bool completion() const { return kind == 0x0A; }
    bool memory() const { return kind == 0x00; }
    unsigned words() const { return wide ? 4 : 3; }
    bool enabled(unsigned word, unsigned byte) const {
        unsigned enables = word == 0 ? first_be : word == length - 1 ? last_be : 15;
        return enables >> byte & 1;
    }
    unsigned first_byte() const { return first_be ? __builtin_ctz(first_be) : 0; }
    unsigned bytes() const {
        unsigned enables = length == 1 ? first_be : last_be;
        unsigned end = enables ? 32 - __builtin_clz(enables) : 1;
        return 4 * (length - 1) + end - first_byte();
    }
};

// Whether the enabled bytes of a dword reach without a gap from one end: `up` from some byte to the last, else from the first.
inline bool reaches(unsigned enables, bool up) {
    return up ? enables == 15 || enables == 14 || enables == 12 || enables == 8 : (enables & (enables + 1)) == 0;
}

// The first rule that a memory request breaks; nullptr if it keeps all.
inline const char *breach_of_memory(const TlpHeader &head, unsigned mps, unsigned mrrs) {
    if (head.wide && head.address >> 32 == 0) return "four-dword header for an address below 4 GiB";
    if (head.address & 3) return "address with reserved bits set";
    if (head.length == 1 && head.last_be) return "request of one dword with last byte enables";
    if (head.length == 1 && !head.first_be) return "request that enables no byte";
    if (head.length > 1 && (!head.first_be || !head.last_be)) return "request of several dwords without first or last byte enables";
    if (head.length > 1 && (!reaches(head.first_be, true) || !reaches(head.last_be, false))) return "byte enables with a gap";
    if (head.address / 4096 != (head.address + 4 * head.length - 1) / 4096) return "request that crosses 4 KiB";
    if (head.data && 4 * head.length > mps) return "write of more than the maximum payload";
    if (!head.data && 4 * head.length > mrrs) return "read of more than the maximum request";
    if (!head.data && head.tag > 31) return "tag of more than five bits";
    return nullptr;
}

// The same for any packet of the device.
inline const char *breach_of(const TlpHeader &head, const Tlp &tlp, unsigned mps, unsigned mrrs, uint16_t function) {
    if (tlp.size() < 3) return "packet shorter than a header";
    if (tlp.size() != head.words() + (head.data ? head.length : 0)) return "packet whose length is not that of its header";
    if (head.first & 0x80000000u) return "format that nobody knows";
    if (head.first & 0x008F0C00u) return "reserved bits or address type set";
    if (head.first & 0x0000F000u & (head.completion() ? 0xC000u : 0xF000u)) return "digest, poison, relaxed or no-snoop order";
    if (head.completion()) {
        if (head.wide) return "completion with four dwords of header";
        if (head.completer != function) return "completion of another function";
        if (head.data != (head.status == 0)) return "completion whose status and data do not fit";
        return nullptr;
    }
    if (!head.memory()) return "packet of a kind that the device does not send";
    if (head.requester != function) return "request of another function";
    if (head.traffic_class) return "request of another traffic class";
    return breach_of_memory(head, mps, mrrs);
}
