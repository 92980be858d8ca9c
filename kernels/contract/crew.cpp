#include "kernels/contract/crew.h"

#include <sys/resource.h>

namespace hewn {
namespace {

/// How long a thread spins: longer than what lies between two tokens of a text, or about as long as a system call.
constexpr std::chrono::microseconds long_wait{1000}, short_wait{5};
/// Within this time a quiet system takes a processor away once at most, and a busy loop on each of two processors does so
/// half a dozen times. Threads that sleep soon are seldom interrupted, hence the longer time until that is tried again.
constexpr std::chrono::milliseconds watch_interval{20}, shared_interval{250};
constexpr long preemptions_if_shared = 3;

constexpr uint64_t region_step = uint64_t{1} << 32, dismissed = ~(region_step - 1);
constexpr uint32_t parts_left(uint64_t state) { return static_cast<uint32_t>(state); }

/// How often the system has taken a processor away from a thread of this process.
long preemptions() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

void spin_once() {
#ifdef __aarch64__
  asm volatile("yield");
#else
  __builtin_ia32_pause();
#endif
}

}  // namespace

template <class T>
void Crew::await_change(const std::atomic<T>& value, T old) const {
  const auto until =
      std::chrono::steady_clock::now() + (shared_.load(std::memory_order_relaxed) ? short_wait : long_wait);
  do
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      spin_once();
    }
  while (std::chrono::steady_clock::now() < until);
  value.wait(old, std::memory_order_acquire);
}

void Crew::watch_processors() {
  const auto now = std::chrono::steady_clock::now();
  if (now < watch_at_) return;
  const bool shared = preemptions() >= preempted_ + preemptions_if_shared;
  shared_.store(shared, std::memory_order_relaxed);
  watch_at_ = now + (shared ? shared_interval : watch_interval);
  preempted_ = preemptions();
}

bool Crew::do_part() {
  uint64_t state = state_.load(std::memory_order_acquire);
  while (parts_left(state) > 0)
    if (state_.compare_exchange_weak(state, state - 1, std::memory_order_acquire)) {
      body_(context_, static_cast<int>(parts_left(state) - 1));
      done_.fetch_add(1, std::memory_order_release);
      done_.notify_one();
      return true;
    }
  return false;
}

void Crew::run(int parts, Body body, void* context) {
  watch_processors();
  body_ = body, context_ = context;
  done_.store(0, std::memory_order_relaxed);
  const uint64_t region = (state_.load(std::memory_order_relaxed) & dismissed) + region_step;
  state_.store(region + static_cast<uint64_t>(parts), std::memory_order_release);
  state_.notify_all();
  while (do_part()) {
  }
  for (int done = done_.load(std::memory_order_acquire); done < parts;
       done = done_.load(std::memory_order_acquire))
    await_change(done_, done);
}

void Crew::help() {
  for (;;) {
    while (do_part()) {
    }
    const uint64_t state = state_.load(std::memory_order_acquire);
    if (state == dismissed) return;
    if (parts_left(state) == 0) await_change(state_, state);
  }
}

void Crew::dismiss() {
  state_.store(dismissed, std::memory_order_release);
  state_.notify_all();
}

}  // namespace hewn
