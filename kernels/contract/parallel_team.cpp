#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/contract/parallel_backends.h"

namespace hewn {
namespace {

using Clock = std::chrono::steady_clock;

/// How long an idle thread spins before it sleeps. On a quiet machine, longer than the pause between two
/// tokens of a text, since waking a thread takes tens of microseconds; on a busy machine, only longer than
/// the pause between two kernels, since a spinning thread uses up its time slice.
constexpr std::chrono::microseconds quiet_spin{200}, busy_spin{20};
/// A spinning thread that stood still for this long was taken off its core: the machine is busy and is
/// assumed to stay busy for a while.
constexpr std::chrono::microseconds standstill{100};
constexpr std::chrono::milliseconds busy_for{100};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Polls a condition; returns false if it did not become true within the time limit.
class Spinner {
 public:
  template <class There>
  bool until(const There& there) {
    const Clock::time_point start = Clock::now();
    for (Clock::time_point last = start;;) {
      for (int i = 0; i < 32; ++i, relax())
        if (there()) return true;
      const Clock::time_point now = Clock::now();
      if (now - last > standstill) busy_until_ = now + busy_for;
      if (now - start > (now < busy_until_ ? busy_spin : quiet_spin)) return false;
      last = now;
    }
  }

 private:
  Clock::time_point busy_until_{};
};

/// Threads that sleep until a condition is true. Uses a mutex and a condition variable rather than
/// std::atomic's wait, which first yields the processor a few times: while other programs run, each yield can
/// cost one of their time slices.
class Sleepers {
 public:
  template <class There>
  void sleep_until(const There& there) {
    std::unique_lock lock(mutex_);
    ++sleepers_;
    awake_.wait(lock, there);
    --sleepers_;
  }

  /// Call this after a change that may have made the condition true.
  void wake() {
    if (sleepers_ == 0) return;
    { const std::lock_guard lock(mutex_); }  // threads that saw the condition false are asleep now
    awake_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable awake_;
  std::atomic<int> sleepers_{0};
};

/// The process's helper threads. A region is published as one ticket (serial number, parts, parts claimed);
/// helpers and the caller claim parts until none is left. A helper that the system is not running delays
/// nobody: the caller takes its part too. The result does not depend on which thread runs a part.
class Team {
 public:
  ~Team() {
    stop_ = true;
    ticket_ += serial_step;
    helpers_.wake();
    for (std::thread& helper : threads_) helper.join();
  }

  void run(int parts, RegionBody body, void* context) {
    while (static_cast<int>(threads_.size()) < parts - 1) threads_.emplace_back([this] { help(); });
    body_ = body;
    context_ = context;
    left_ = parts;
    const uint64_t serial = (ticket_ / serial_step + 1) * serial_step;
    ticket_ = serial + static_cast<uint64_t>(parts) * part_step;
    helpers_.wake();
    work();
    const auto done = [this] { return left_ == 0; };
    // While the caller sleeps, its core is free for the helper that it waits for.
    if (!spinner_.until(done)) caller_.sleep_until(done);
  }

 private:
  static constexpr uint64_t part_step = uint64_t{1} << 16, serial_step = uint64_t{1} << 32;

  /// Claims a part that nobody has started and returns its number, or -1. Once claimed, body and context stay
  /// valid until the part is done.
  int claim() {
    uint64_t ticket = ticket_;
    for (;;) {
      const uint64_t claimed = ticket % part_step, parts = ticket / part_step % part_step;
      if (claimed >= parts) return -1;
      if (ticket_.compare_exchange_weak(ticket, ticket + 1)) return static_cast<int>(claimed);
    }
  }

  void work() {
    for (int part = claim(); part >= 0; part = claim()) {
      body_(context_, part);
      if (--left_ == 0) caller_.wake();
    }
  }

  void help() {
    Spinner spinner;
    while (!stop_) {
      work();
      const uint64_t seen = ticket_;
      const auto more = [&] { return ticket_ != seen; };
      if (!spinner.until(more)) helpers_.sleep_until(more);
    }
  }

  std::vector<std::thread> threads_;
  Spinner spinner_;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> left_{0};
  std::atomic<bool> stop_{false};
  Sleepers helpers_, caller_;
  RegionBody body_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace

void team_region(int parts, RegionBody body, void* context) {
  static Team team;
  team.run(parts, body, context);
}

}  // namespace hewn
