#pragma once
// Threads that are switched by hand: what the emulator makes the threads of a block of.

#include <cstddef>

namespace hewn::emulator {

/// A function call with a stack of its own, which can be left in the middle and gone on with. `resume` and
/// `yield` save and restore the registers a call preserves, nothing else: some twenty instructions. Address
/// and thread sanitizers are told.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Begins `entry(argument)` anew at the next `resume`, whatever it was in the middle of. `entry` must not
  /// return and must not let an exception out.
  void start(void (*entry)(void*), void* argument);
  /// Goes on with the fiber until it yields.
  void resume();
  /// Inside the fiber: back to who resumed it.
  void yield();

 private:
  static void begin(Fiber* fiber);

  std::byte* stack_ = nullptr;
  void* position_ = nullptr;  ///< the fiber's stack pointer while it waits
  void* caller_ = nullptr;    ///< that of who resumed it
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  // For sanitizers alone: what they know the two stacks by.
  [[maybe_unused]] void *own_shadow_ = nullptr, *caller_shadow_ = nullptr;
  [[maybe_unused]] const void* caller_stack_ = nullptr;
  [[maybe_unused]] size_t caller_stack_bytes_ = 0;
};

}  // namespace hewn::emulator
