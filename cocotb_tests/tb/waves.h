// Waves in a VCD file, all of them or, with a limit, what is of use in finding why a test failed.
//
// With a limit the trace pauses when nothing has moved for QUIET cycles, so a long wait costs nothing, and goes on with the next
// handshake. At a third of the limit a new FILE.vcd is begun; the first one stays as FILE.first.vcd, later ones as FILE.before.vcd
// until the next. So the beginning is kept, where a short test went wrong that was long in noticing, and the end, where a long one
// did. What was left out is told in FILE.vcd.cut.

#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "verilated_vcd_c.h"

class CountingFile : public VerilatedVcdFile {
public:
    uint64_t bytes = 0;

    bool open(const std::string &name) override {
        bytes = 0;
        return VerilatedVcdFile::open(name);
    }
    ssize_t write(const char *data, ssize_t size) override {
        ssize_t done = VerilatedVcdFile::write(data, size);
        if (done > 0) bytes += done;
        return done;
    }
};

class Waves {
public:
    template <typename Top>
    Waves(Top &top, const char *path, uint64_t limit) : path_{path}, limit_{limit} {
        top.trace(&vcd_, 99);
        vcd_.open(path);
    }

    // After an edge of the clock; `active`: something moves in the cycle that began with it.
    void dump(uint64_t time, bool rising, bool active) {
        if (limit_ && rising) {
            quiet_ = active ? 0 : quiet_ + 1;
            if (quiet_ > QUIET) skipped_++;
            if (file_.bytes > limit_ / 3) turn(time);
        }
        if (quiet_ <= QUIET) vcd_.dump(time);
    }

    ~Waves() {
        vcd_.close();
        if (!skipped_ && !turns_) return;
        std::ofstream told{path_.string() + ".cut"};
        if (turns_) told << "begins at " << begin_ << " ps, the test's beginning is in " << name(".first.vcd").filename().string();
        if (turns_ > 1) told << ", what was just before in " << name(".before.vcd").filename().string();
        if (turns_ > 2) told << ", from " << first_end_ << " to " << begin_before_ << " ps nothing is kept";
        if (turns_ && skipped_) told << "; ";
        if (skipped_) told << "without " << skipped_ << " cycles of waiting in which nothing moved";
    }

private:
    static constexpr uint64_t QUIET = 64;  // cycles; a driver that waits may look at a register every 4096

    std::filesystem::path name(const char *ending) const { return std::filesystem::path{path_}.replace_extension(ending); }

    void turn(uint64_t time) {
        vcd_.close();
        std::error_code ignored;  // then there is one file less
        std::filesystem::rename(path_, name(turns_ ? ".before.vcd" : ".first.vcd"), ignored);
        vcd_.open(path_.c_str());
        if (!turns_) first_end_ = time;
        begin_before_ = begin_;
        begin_ = time;
        turns_++;
    }

    std::filesystem::path path_;
    uint64_t limit_;
    CountingFile file_;
    VerilatedVcdC vcd_{&file_};
    uint64_t quiet_ = 0, skipped_ = 0, turns_ = 0, begin_ = 0, begin_before_ = 0, first_end_ = 0;
};
