#include "apps/cli/signals.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace hewn::cli {
namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void on_signal(int signal) {
  if (received == SIGINT && signal == SIGINT) _exit(128 + SIGINT);
  received = signal;
}

extern "C" void on_signal_of_launcher(int) { received = SIGINT; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) handle(signal, on_signal);
  }
}

void catch_stop_of_ranks() { handle(SIGUSR1, on_signal_of_launcher); }

int stop_signal() { return received; }
void note_signal(int signal) { received = signal; }
void forget_signal() { received = 0; }
int stop_status() { return 128 + received; }
void ignore_write_signals() {
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

}  // namespace hewn::cli
