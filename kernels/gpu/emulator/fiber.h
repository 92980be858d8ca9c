#pragma once
// Cooperative threads; the emulator runs the threads of a block on them.

#include <cstddef>

#include "core/base/not_copied.h"

namespace hewn::emulator {

/// A function call with its own stack that can be suspended and resumed. `resume` and `yield` save and restore only the
/// callee-saved registers, about twenty instructions. Switches are announced to the address and thread
/// sanitizers.
class Fiber : NotCopied {
 public:
  Fiber();
  ~Fiber();

  /// Restarts at `entry(argument)` at the next `resume`, even if a previous call was suspended. `entry` must neither
  /// return nor throw.
  void start(void (*entry)(void*), void* argument);
  /// Runs the fiber until it yields.
  void resume();
  /// Called inside the fiber: returns to the caller of `resume`.
  void yield();

 private:
  static void begin(Fiber* fiber);

  std::byte* stack_ = nullptr;
  void* position_ = nullptr;  ///< the fiber's stack pointer while it waits
  void* caller_ = nullptr;    ///< the stack pointer of the caller of resume
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  // Handles by which the sanitizers know the two stacks.
  [[maybe_unused]] void *own_shadow_ = nullptr, *caller_shadow_ = nullptr;
  [[maybe_unused]] const void* caller_stack_ = nullptr;
  [[maybe_unused]] size_t caller_stack_bytes_ = 0;
};

}  // namespace hewn::emulator
