// Runs a serial board between the bytes of a socket, in real time: serial_board SOCKET CLOCK_HZ
//
// Bytes go in one a cycle; between them time passes as on the board, but never in a jump, so that a busy machine makes the
// clock slow and no gap between bytes. SIGUSR1 resets the board. A new tuning word is told on stdout.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <string>
#include <sys/socket.h>

#include "Vserial_board.h"

static volatile sig_atomic_t reset_wanted = 1;

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int file = atoi(argv[1]);
  const double clock = atof(argv[2]);
  signal(SIGUSR1, [](int) { reset_wanted = 1; });

  Vserial_board board;
  std::string in, out;
  size_t taken = 0;
  uint32_t tuning = 0;
  auto step = [&] {
    board.rx_valid = taken < in.size();
    board.rx_payload_data = board.rx_valid ? in[taken] : 0;
    board.tx_ready = 1;
    board.sys_clk = 0;
    board.eval();
    if (board.rx_valid && board.rx_ready) taken++;
    if (board.tx_valid) out += static_cast<char>(board.tx_payload_data);
    board.sys_clk = 1;
    board.eval();
  };

  auto last = std::chrono::steady_clock::now();
  double owed = 0;
  for (;;) {
    pollfd waiting = {file, POLLIN, 0};
    poll(&waiting, 1, 1);
    if (reset_wanted) {
      reset_wanted = 0;
      in.clear(), taken = 0;
      board.sys_rst = 1;
      for (int i = 0; i < 8; i++) step();
      board.sys_rst = 0;
      out.clear();
    }
    char data[4096];
    const ssize_t got = recv(file, data, sizeof data, MSG_DONTWAIT);
    if (got == 0) return 0;  // the other end is gone
    if (got > 0) in.append(data, static_cast<size_t>(got));

    const auto now = std::chrono::steady_clock::now();
    owed += std::min(std::chrono::duration<double>(now - last).count(), 0.002) * clock;
    last = now;
    while (taken < in.size()) step(), owed--;
    in.clear(), taken = 0;
    while (owed > 0) step(), owed--;
    for (int quiet = 0; quiet < 64; quiet++) {  // what is being answered is answered at once
      const size_t before = out.size();
      step(), owed--;
      if (out.size() > before) quiet = 0;
    }
    if (owed < -clock / 100) owed = -clock / 100;
    for (size_t sent = 0; sent < out.size();) {
      const ssize_t done = send(file, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (done < 0) return 0;
      sent += static_cast<size_t>(done);
    }
    out.clear();
    if (board.tuning != tuning) printf("%u\n", tuning = board.tuning), fflush(stdout);
  }
}
