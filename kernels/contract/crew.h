#pragma once
// Threads that wait for parallel regions without sleeping. Included only by parallel_openmp.cpp.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "core/base/not_copied.h"

namespace hewn {
namespace {

/// Distributes the parts of regions over all threads that call help(). Idle threads take over the parts of
/// late ones, so that no region waits for a thread without a processor. Waiting threads first spin, because
/// waking a thread takes longer than many operations: for a millisecond while the processors are free, but
/// only for microseconds once the owning thread had to wait for a processor, since spinning then takes time
/// from the thread waited for.
class Crew : NotCopied {
 public:
  using Body = void (*)(void* context, int part);

  Crew();
  ~Crew();

  /// Calls body(context, part) once for each part, here and on threads that help; returns when all are done.
  /// One call at a time.
  void run(int parts, Body body, void* context);
  /// Works on regions of other threads until dismiss().
  void help();
  /// Makes help() return, on all threads, now and later.
  void dismiss();

 private:
  bool do_part();
  void watch_processors();
  /// Returns when `value` is no longer `old`.
  template <class T>
  void await_change(const std::atomic<T>& value, T old) const;

  /// The number of the region (upper half) and the number of its parts that nobody has taken yet (lower
  /// half).
  alignas(64) std::atomic<uint64_t> state_ = 0;
  Body body_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<int> done_ = 0;         ///< parts of this region
  alignas(64) std::atomic<bool> shared_ = false;  ///< whether other processes compete for the processors
  int schedule_;  ///< scheduling statistics of the owning thread; -1: not available
  std::chrono::steady_clock::time_point watched_{}, watch_at_{};
  uint64_t delay_ = 0;  ///< the owning thread's total wait for a processor, in nanoseconds
};

/// How long a thread spins: longer than the pause between two tokens of a text, or about as long as a system
/// call.
constexpr std::chrono::microseconds long_wait{1000}, short_wait{5};
/// The interval between checks for competing processes; the fraction of it that a thread must have waited to
/// detect them; and how long a detection lasts, since threads that soon sleep seldom wait for a processor.
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

}  // namespace
}  // namespace hewn
