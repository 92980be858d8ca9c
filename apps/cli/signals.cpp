#include "apps/cli/signals.h"

#include <unistd.h>

#include <csignal>

namespace hewn::cli {
namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void on_signal(int signal) {
  if (received == SIGINT && signal == SIGINT) _exit(128 + SIGINT);
  received = signal;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_signals() {
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
}

int stop_signal() { return received; }
void forget_signal() { received = 0; }
int stop_status() { return 128 + received; }
void ignore_broken_pipes() { handle(SIGPIPE, SIG_IGN); }

}  // namespace hewn::cli
