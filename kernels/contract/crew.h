#pragma once
// Threads that wait for parallel regions without sleeping.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hewn {

/// Does parts of regions on all threads that call help(). A thread that comes late finds its parts done by others, so
/// that nobody waits for a thread which has no processor. Waiting threads spin for a while, since waking one takes longer
/// than many an operation: for milliseconds while nobody else wants the processors, and for microseconds once the system
/// has taken them away from this process, because whoever spins then uses up the time of the thread that it waits for.
class Crew {
 public:
  using Body = void (*)(void* context, int part);

  Crew();
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls body(context, part) once for each part, here and on threads that help; returns when all are done. One call at
  /// a time.
  void run(int parts, Body body, void* context);
  /// Does parts of the regions that others run, until dismiss().
  void help();
  /// Makes help() return, on all threads, now and later.
  void dismiss();

 private:
  bool do_part();
  void watch_processors();
  /// Returns when `value` is no longer `old`.
  template <class T>
  void await_change(const std::atomic<T>& value, T old) const;

  /// The number of the region, and in the lower half how many of its parts are not taken yet.
  alignas(64) std::atomic<uint64_t> state_ = 0;
  Body body_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<int> done_ = 0;         ///< parts of this region
  alignas(64) std::atomic<bool> shared_ = false;  ///< whether others want the processors
  int schedule_;  ///< what the system tells of the thread that made this; -1: nothing
  std::chrono::steady_clock::time_point watched_{}, watch_at_{};
  uint64_t delay_ = 0;  ///< for how long that had waited for a processor, in nanoseconds
};

}  // namespace hewn
