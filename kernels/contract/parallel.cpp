#include "kernels/contract/parallel.h"

#include <sched.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace hewn {
namespace {

/// How long an idle helper looks for work before it sleeps: about 50 microseconds, longer than the pause
/// between two kernels of a training step. Waking a sleeper costs some tens of microseconds.
constexpr int spins = 2000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// The process's helper threads. A region is published as one ticket (serial number, parts, parts claimed);
/// helpers and the caller claim parts until none is left. So a helper that the system is not running at the
/// moment delays nobody: the caller takes its part as well. Who does a part makes no difference to the
/// result.
class Team {
 public:
  ~Team() {
    stop_ = true;
    ticket_ += serial_step;
    ticket_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
  }

  /// False when another thread has the team: then the caller works alone.
  bool run(int parts, void (*body)(void*, int), void* context) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    while (static_cast<int>(helpers_.size()) < parts - 1) helpers_.emplace_back([this] { help(); });
    body_ = body;
    context_ = context;
    done_.store(0, std::memory_order_relaxed);
    const uint64_t serial = (ticket_.load(std::memory_order_relaxed) / serial_step + 1) * serial_step;
    ticket_.store(serial + static_cast<uint64_t>(parts) * part_step);
    if (sleepers_.load() > 0) ticket_.notify_all();
    work();
    for (int waited = 0; done_.load(std::memory_order_acquire) < parts; ++waited)
      waited < spins ? relax() : static_cast<void>(sched_yield());
    return true;
  }

 private:
  static constexpr uint64_t part_step = uint64_t{1} << 16, serial_step = uint64_t{1} << 32;

  /// The number of a part nobody has begun, or -1. Once claimed, body and context stay until the part is
  /// done.
  int claim() {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    for (;;) {
      const uint64_t claimed = ticket % part_step, parts = ticket / part_step % part_step;
      if (claimed >= parts) return -1;
      if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                        std::memory_order_acquire))
        return static_cast<int>(claimed);
    }
  }

  void work() {
    for (int part = claim(); part >= 0; part = claim()) {
      body_(context_, part);
      done_.fetch_add(1, std::memory_order_release);
    }
  }

  void help() {
    while (!stop_) {
      work();
      const uint64_t seen = ticket_.load();
      for (int i = 0; i < spins && ticket_.load(std::memory_order_relaxed) == seen; ++i) relax();
      if (ticket_.load() != seen) continue;
      ++sleepers_;
      ticket_.wait(seen);
      --sleepers_;
    }
  }

  std::mutex busy_;
  std::vector<std::thread> helpers_;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> done_{0}, sleepers_{0};
  std::atomic<bool> stop_{false};
  void (*body_)(void*, int) = nullptr;
  void* context_ = nullptr;
};

}  // namespace

void parallel_region(int workers, void (*body)(void* context, int worker), void* context) {
  static Team team;
  if (workers > 1 && team.run(workers, body, context)) return;
  for (int worker = 0; worker < workers; ++worker) body(context, worker);
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace hewn
