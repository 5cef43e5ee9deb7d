// Runs a serial board between the bytes of a socket, in the line's time: serial_board SOCKET CLOCK_HZ
//
// Bytes go in one a cycle; between them passes the time that the line says, so that a busy machine makes no gap between
// bytes. SIGUSR1 resets the board. A new tuning word is told on stdout.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>

#include "Vserial_board.h"

static volatile sig_atomic_t reset_wanted = 1;

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int file = atoi(argv[1]);
  const double clock = atof(argv[2]);
  struct sigaction action = {};  // without SA_RESTART: a reset interrupts the wait for bytes
  action.sa_handler = [](int) { reset_wanted = 1; };
  sigaction(SIGUSR1, &action, nullptr);

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

  // A message: microseconds that pass on the idle line, count of bytes behind them (little-endian words), and the bytes.
  std::string message;
  for (;;) {
    if (reset_wanted) {
      reset_wanted = 0;
      board.sys_rst = 1;
      for (int i = 0; i < 8; i++) step();
      board.sys_rst = 0;
      out.clear();
    }
    char data[4096];
    const ssize_t got = recv(file, data, sizeof data, 0);
    if (got == 0) return 0;  // the other end is gone
    if (got < 0) continue;   // a signal
    message.append(data, static_cast<size_t>(got));
    while (message.size() >= 8) {
      uint32_t head[2];
      memcpy(head, message.data(), sizeof head);
      if (message.size() < 8 + head[1]) break;
      for (double left = head[0] * clock / 1e6; left >= 1; left--) step();
      in = message.substr(8, head[1]), taken = 0;
      message.erase(0, 8 + head[1]);
      while (taken < in.size()) step();
      for (int quiet = 0; quiet < 64; quiet++) {  // what is being answered is answered at once
        const size_t before = out.size();
        step();
        if (out.size() > before) quiet = 0;
      }
    }
    for (size_t sent = 0; sent < out.size();) {
      const ssize_t done = send(file, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (done < 0) return 0;
      sent += static_cast<size_t>(done);
    }
    out.clear();
    if (board.tuning != tuning) printf("%u\n", tuning = board.tuning), fflush(stdout);
  }
}
