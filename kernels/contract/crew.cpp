#include "kernels/contract/crew.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace hewn {
namespace {

/// How long a thread spins: longer than what lies between two tokens of a text, or about as long as a system call.
constexpr std::chrono::microseconds long_wait{1000}, short_wait{5};
/// How often a thread looks whether others want the processors, the part of that time for which it was kept from running
/// if they do, and how long that then counts: threads that sleep soon seldom wait for a processor.
constexpr std::chrono::milliseconds watch_interval{20}, shared_interval{250};
constexpr double delay_if_shared = 0.05;

constexpr uint64_t region_step = uint64_t{1} << 32, dismissed = ~(region_step - 1);
constexpr uint32_t parts_left(uint64_t state) { return static_cast<uint32_t>(state); }

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

Crew::Crew() : schedule_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) { watch_processors(); }
Crew::~Crew() {
  if (schedule_ >= 0) close(schedule_);
}

void Crew::watch_processors() {
  const auto now = std::chrono::steady_clock::now();
  if (now < watch_at_) return;
  // Nanoseconds on a processor, nanoseconds of waiting for one, and a count.
  char text[96] = {};
  unsigned long long delay = 0;
  const bool known = schedule_ >= 0 && pread(schedule_, text, sizeof text - 1, 0) > 0 &&
                     std::sscanf(text, "%*u %llu", &delay) == 1;
  const std::chrono::duration<double, std::nano> passed = now - watched_;
  const bool shared = !known || static_cast<double>(delay - delay_) > delay_if_shared * passed.count();
  shared_.store(shared, std::memory_order_relaxed);
  watched_ = now, delay_ = delay;
  watch_at_ = now + (shared ? shared_interval : watch_interval);
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
