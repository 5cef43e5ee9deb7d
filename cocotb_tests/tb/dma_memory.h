// Memory as the device sees it through its bus: the file shared with Python, host memory mapped by range, injected faults.
//
// The shared file (path in SGDMA_SIM_MEMORY) holds control block, one flag byte a page, memory. Its memory lies at `iova_base`,
// page by page reachable or not. A bench that serves a virtual PCI function adds ranges of other processes' memory, which Python
// has mapped; they are sorted and do not overlap. Everything else answers DECERR, as behind an IOMMU.

#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "control.h"

enum Response : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };
enum Fault : uint32_t { READ_ERROR = 1, WRITE_ERROR = 2, UNMAPPED = 4 };

constexpr uint64_t PAGE = 4096;

struct Range {
    uint64_t start, end;  // bus addresses
    uint64_t pointer;     // of the first byte, in this process
    uint64_t kinds;       // READ_ERROR: the device must not read there, WRITE_ERROR: not write
};

class DmaMemory {
   public:
    Control *control = nullptr;

    void open() {
        const char *path = getenv("SGDMA_SIM_MEMORY");
        int file = path ? ::open(path, O_RDWR) : -1;
        struct stat status;
        if (file < 0 || fstat(file, &status) != 0) {
            fprintf(stderr, "sgdma bench: SGDMA_SIM_MEMORY names no file that can be opened\n");
            abort();
        }
        void *map = mmap(nullptr, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (map == MAP_FAILED) abort();
        close(file);
        control = static_cast<Control *>(map);
        if (control->control_bytes != sizeof(Control)) {
            fprintf(stderr, "sgdma bench: control block of %u bytes, this build has %zu\n", control->control_bytes,
                    sizeof(Control));
            abort();
        }
        pages_ = static_cast<uint8_t *>(map) + control->pages_offset;
        memory_ = static_cast<uint8_t *>(map) + control->memory_offset;
        random_ = control->seed | 1;
    }

    uint64_t random64() {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return random_;
    }

    // Whether something is not ready this cycle, as often as `backpressure` says.
    bool hesitates() { return control->backpressure && (random64() & 255) < control->backpressure; }

    void violation(const char *text) {
        if (control->violations++ == 0)
            snprintf(reinterpret_cast<char *>(control->violation_text), sizeof control->violation_text, "cycle %llu: %s",
                     static_cast<unsigned long long>(control->cycles), text);
    }

    // How memory answers an access of `size` bytes; `kind` is the fault that forbids it.
    uint8_t response(uint64_t address, uint64_t size, uint32_t kind) {
        uint8_t answer = mapped(address, size, kind);
        for (uint32_t i = 0; answer == OKAY && i < control->fault_count; i++) {
            if (address >= control->fault_end[i] || address + size <= control->fault_start[i]) continue;
            if (control->fault_kind[i] & UNMAPPED) answer = DECERR;
            else if (control->fault_kind[i] & kind) answer = SLVERR;
        }
        if (answer == DECERR) {
            control->refused_address = address;
            control->refused_write = kind == WRITE_ERROR;
            control->refused++;
        }
        return answer;
    }

    // Where the bytes of an access lie that was answered OKAY; nullptr if they were taken away since.
    uint8_t *at(uint64_t address) const {
        if (inside(address, 1)) return memory_ + (address - control->iova_base);
        const Range *range = find(address);
        return range ? reinterpret_cast<uint8_t *>(range->pointer) + (address - range->start) : nullptr;
    }

   private:
    uint8_t *pages_ = nullptr;  // one byte a page: 1 = mapped
    uint8_t *memory_ = nullptr;
    uint64_t random_ = 1;

    bool inside(uint64_t address, uint64_t size) const {
        uint64_t first = address - control->iova_base, last = first + size - 1;
        return address >= control->iova_base && last < control->memory_bytes && last >= first;
    }

    const Range *find(uint64_t address) const {
        const Range *ranges = reinterpret_cast<const Range *>(control->ranges), *end = ranges + control->range_count;
        const Range *after = std::upper_bound(ranges, end, address, [](uint64_t a, const Range &r) { return a < r.start; });
        return after != ranges && address < after[-1].end ? after - 1 : nullptr;
    }

    // A burst stays within 4 KiB and ranges are whole pages, so one range holds it or none does.
    uint8_t mapped(uint64_t address, uint64_t size, uint32_t kind) const {
        if (!inside(address, size)) {
            const Range *range = find(address);
            return range && address + size <= range->end && !(range->kinds & kind) ? OKAY : DECERR;
        }
        uint64_t first = address - control->iova_base, last = first + size - 1;
        for (uint64_t page = first / PAGE; page <= last / PAGE; page++)
            if (!pages_[page]) return DECERR;
        return OKAY;
    }
};
