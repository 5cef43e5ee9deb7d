// Waves in a VCD file, all of them or, with a limit, what is of use in finding why a test failed.
//
// With a limit the trace pauses when nothing has moved for QUIET cycles, so a long wait costs nothing, and goes on with the next
// handshake. At half the limit the file becomes FILE.before.vcd, in place of the one before it, and a new FILE.vcd is begun: the
// last moments stay, whatever went on before. What was left out is told in FILE.cut.

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
            if (file_.bytes > limit_ / 2) turn(time);
        }
        if (quiet_ <= QUIET) vcd_.dump(time);
    }

    ~Waves() {
        vcd_.close();
        if (!skipped_ && !turns_) return;
        std::ofstream told{path_.string() + ".cut"};
        if (turns_) told << "begins at " << begin_ << " ps, " << before().filename().string() << " is what was before";
        if (turns_ > 1) told << " from " << begin_before_ << " ps on";
        if (turns_ && skipped_) told << "; ";
        if (skipped_) told << "without " << skipped_ << " cycles of waiting in which nothing moved";
    }

private:
    static constexpr uint64_t QUIET = 1000;

    std::filesystem::path before() const { return std::filesystem::path{path_}.replace_extension(".before.vcd"); }

    void turn(uint64_t time) {
        vcd_.close();
        std::error_code ignored;  // then there is one file less
        std::filesystem::rename(path_, before(), ignored);
        vcd_.open(path_.c_str());
        begin_before_ = begin_;
        begin_ = time;
        turns_++;
    }

    std::filesystem::path path_;
    uint64_t limit_;
    CountingFile file_;
    VerilatedVcdC vcd_{&file_};
    uint64_t quiet_ = 0, skipped_ = 0, turns_ = 0, begin_ = 0, begin_before_ = 0;
};
