// A board in Verilator: the whole SoC behind a pseudo-terminal and, when asked for, a TCP port.
//
//   board [--tcp PORT] [--trace FILE] [--baud BAUD] [--skew PPM] [--glitch PERMILLE] [--seed N]
//
// It says on standard output where it answers ("pty PATH", "tcp PORT"), and runs until its standard input is closed.
// Without a client it waits and does not simulate. Bytes go to the SoC as they are; in a build with -DBITS, by RS-232 at
// BAUD, with a clock that is PPM millionths off and PERMILLE of the bits spoilt by a glitch of an eighth of a bit.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr int STRIDE = 128;  // cycles between two looks at the outside world
constexpr int WAIT_MS = 20;
constexpr uint64_t HALF_PS = 10000;

struct Options {
    int tcp = -1;
    const char *trace = nullptr;
    double clock = CLOCK_HZ, baud = 115200, skew = 0, glitch = 0;
    unsigned seed = 1;
};

struct Link {  // what is on its way
    std::deque<uint8_t> in;
    std::vector<uint8_t> out;
};

[[noreturn]] void fail(const char *what) {
    std::perror(what);
    std::exit(1);
}

// The host's side: one pty for good, and one TCP client at a time.
class Outside {
  public:
    explicit Outside(int tcp) {
        int slave;
        termios raw;
        cfmakeraw(&raw);
        raw.c_cflag |= CS8 | CREAD | CLOCAL;
        char path[128];
        if (openpty(&pty_, &slave, path, &raw, nullptr) != 0) fail("openpty");
        close(slave);
        fcntl(pty_, F_SETFL, O_NONBLOCK);
        std::printf("pty %s\n", path);
        if (tcp >= 0) listen_at(tcp);
        std::fflush(stdout);
    }

    // Moves what there is to move; waits when nobody is there. False when it is time to end.
    bool exchange(Link &link) {
        pollfd seen[4] = {{0, POLLIN, 0}, {pty_, POLLIN, 0}, {listener_, POLLIN, 0}, {client_, POLLIN, 0}};
        int timeout = present_ ? 0 : WAIT_MS;
        if (poll(seen, 4, timeout) < 0) return false;
        char scratch[64];
        if (seen[0].revents && read(0, scratch, sizeof scratch) <= 0) return false;
        bool pty = !(seen[1].revents & POLLHUP);
        if (!pty && !present_) poll(nullptr, 0, WAIT_MS);  // a pty without a client hangs up at once
        if (seen[2].revents & POLLIN) take_client();
        if (pty) take(pty_, link, seen[1].revents);
        if (client_ >= 0 && !take(client_, link, seen[3].revents)) drop_client();
        if (!link.out.empty()) give(client_ >= 0 ? client_ : pty_, link);
        present_ = pty || client_ >= 0;
        return true;
    }

  private:
    void listen_at(int port) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int yes = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(static_cast<uint16_t>(port));
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(listener_, reinterpret_cast<sockaddr *>(&at), sizeof at) || listen(listener_, 1)) fail("bind");
        socklen_t size = sizeof at;
        getsockname(listener_, reinterpret_cast<sockaddr *>(&at), &size);
        std::printf("tcp %d\n", ntohs(at.sin_port));
    }

    void take_client() {
        int fresh = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
        if (fresh < 0) return;
        if (client_ >= 0) {
            close(fresh);  // one at a time
            return;
        }
        int yes = 1;
        setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        client_ = fresh;
    }

    void drop_client() {
        close(client_);
        client_ = -1;
    }

    static bool take(int from, Link &link, int events) {
        if (!(events & POLLIN) || link.in.size() > 65536) return !(events & (POLLERR | POLLHUP));
        uint8_t data[4096];
        ssize_t size = read(from, data, sizeof data);
        if (size > 0) link.in.insert(link.in.end(), data, data + size);
        return size > 0;
    }

    static void give(int to, Link &link) {
        ssize_t size = write(to, link.out.data(), link.out.size());
        if (size > 0) link.out.erase(link.out.begin(), link.out.begin() + size);
    }

    int pty_ = -1, listener_ = -1, client_ = -1;
    bool present_ = false;
};

#if BITS
// The pins of the board's PHY, from the other end of the line.
class Pins {
  public:
    explicit Pins(const Options &options)
        : period_(options.clock / options.baud * (1 + options.skew * 1e-6)), glitch_(options.glitch / 1000),
          chance_(options.seed) {}

    void before(Vtop &top, Link &link) {
        if (sending_ == 0 && !link.in.empty()) {
            word_ = 0x200u | link.in.front() << 1;  // start bit 0, eight bits, stop bit 1
            link.in.pop_front();
            sending_ = 10;
            left_ = 0;
            spoil();
        }
        bool level = sending_ == 0 || (word_ & 1);
        top.serial_rx = spoilt_ && left_ > 0.1 * period_ && left_ < 0.225 * period_ ? !level : level;
        if (sending_ && ++left_ >= period_) {
            left_ -= period_;
            word_ >>= 1;
            sending_--;
            spoil();
        }
    }

    void after(Vtop &top, Link &link) {
        bool level = top.serial_tx;
        if (receiving_ == 0) {
            if (!level) receiving_ = 1, until_ = 1.5 * period_, byte_ = 0;
            return;
        }
        if (--until_ > 0) return;
        until_ += period_;
        if (receiving_ <= 8) byte_ |= level << (receiving_ - 1);
        if (receiving_++ == 9) {
            if (level) link.out.push_back(static_cast<uint8_t>(byte_));
            receiving_ = 0;
        }
    }

  private:
    void spoil() { spoilt_ = std::uniform_real_distribution<>(0, 1)(chance_) < glitch_; }

    double period_, glitch_, left_ = 0, until_ = 0;
    std::mt19937 chance_;
    unsigned word_ = 0, byte_ = 0;
    int sending_ = 0, receiving_ = 0;
    bool spoilt_ = false;
};
#else
// A stream of bytes, one a cycle at most.
class Pins {
  public:
    explicit Pins(const Options &) {}

    void before(Vtop &top, Link &link) {
        top.bytes_sink_valid = !link.in.empty();
        top.bytes_sink_data = link.in.empty() ? 0 : link.in.front();
        top.bytes_source_ready = link.out.size() < 65536;
        top.eval();
        taken_ = top.bytes_sink_valid && top.bytes_sink_ready;
        if (top.bytes_source_valid && top.bytes_source_ready) link.out.push_back(top.bytes_source_data);
    }

    void after(Vtop &, Link &link) {
        if (taken_) link.in.pop_front();
    }

  private:
    bool taken_ = false;
};
#endif

Options parse(int count, char **arguments) {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        std::string name = arguments[i];
        const char *value = arguments[i + 1];
        if (name == "--tcp") options.tcp = std::atoi(value);
        else if (name == "--trace") options.trace = value;
        else if (name == "--baud") options.baud = std::atof(value);
        else if (name == "--skew") options.skew = std::atof(value);
        else if (name == "--glitch") options.glitch = std::atof(value);
        else if (name == "--seed") options.seed = static_cast<unsigned>(std::atol(value));
        else {
            std::fprintf(stderr, "board: unknown option %s\n", arguments[i]);
            std::exit(2);
        }
    }
    return options;
}

class Board {
  public:
    explicit Board(const Options &options) : top_(std::make_unique<Vtop>(&context_, "")), pins_(options) {
#if VM_TRACE
        context_.traceEverOn(true);
        if (options.trace) {
            waves_ = std::make_unique<VerilatedVcdC>();
            top_->trace(waves_.get(), 99);
            waves_->open(options.trace);
        }
#endif
        Link nothing;
        top_->rst = 1;
        for (int i = 0; i < 16; i++) cycle(nothing);
        top_->rst = 0;
    }

    ~Board() { top_->final(); }

    void cycle(Link &link) {
        pins_.before(*top_, link);
        edge(true);
        pins_.after(*top_, link);
        edge(false);
    }

  private:
    void edge(bool level) {
        context_.timeInc(HALF_PS);
        top_->clk = level;
        top_->eval();
#if VM_TRACE
        if (waves_) waves_->dump(context_.time());
#endif
    }

    VerilatedContext context_;
    std::unique_ptr<Vtop> top_;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> waves_;
#endif
    Pins pins_;
};

}  // namespace

int main(int count, char **arguments) {
    std::signal(SIGPIPE, SIG_IGN);
    Options options = parse(count, arguments);
    Outside outside(options.tcp);
    Board board(options);
    Link link;
    while (outside.exchange(link))
        for (int i = 0; i < STRIDE; i++) board.cycle(link);
    return 0;
}
