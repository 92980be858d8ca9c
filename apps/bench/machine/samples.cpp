#include "apps/bench/machine/samples.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/base/clock.h"
#include "core/base/not_copied.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

constexpr double long_enough = 0.3;                 // seconds
constexpr long interval_ns = 97'000;                // not a fraction of 1 ms: no aliasing with loops
std::array<std::atomic<uintptr_t>, 1 << 14> noted;  // written by the handler; lock-free
std::atomic<size_t> n_noted;

void note_address(int, siginfo_t*, void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__aarch64__)
  const auto address = static_cast<uintptr_t>(machine.pc);
#else
  const auto address = static_cast<uintptr_t>(machine.gregs[REG_RIP]);
#endif
  const size_t i = n_noted.fetch_add(1, std::memory_order_relaxed);
  if (i < noted.size()) noted[i].store(address, std::memory_order_relaxed);
}

/// Interrupts the calling thread during its lifetime.
class Alarm : NotCopied {
 public:
  Alarm() {
    struct sigaction action {};
    action.sa_sigaction = note_address;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGPROF, &action, &before_);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
      const int error = errno;
      sigaction(SIGPROF, &before_, nullptr);
      fail(ErrorCode::failed, "cannot create a timer for sampling: ", std::strerror(error));
    }
    const itimerspec every{.it_interval = {0, interval_ns}, .it_value = {0, interval_ns}};
    timer_settime(timer_, 0, &every, nullptr);
  }
  ~Alarm() {
    timer_delete(timer_);
    // A pending signal must not meet the default action, which ends the process.
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPROF, &ignore, nullptr);
    sigaction(SIGPROF, &before_, nullptr);
  }

 private:
  timer_t timer_{};
  struct sigaction before_ {};
};

}  // namespace

std::vector<uintptr_t> sample_addresses(const std::function<void()>& work) {
  n_noted = 0;
  {
    const Alarm alarm;
    const auto start = Clock::now();
    work();
    do work();
    while (seconds_since(start) < long_enough);
  }
  std::vector<uintptr_t> addresses(std::min<size_t>(n_noted, noted.size()));
  for (size_t i = 0; i < addresses.size(); ++i) addresses[i] = noted[i];
  return addresses;
}

}  // namespace hewn::cli
