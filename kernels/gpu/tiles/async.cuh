#pragma once
// Asynchronous copies from global to shared memory, which overlap with computation (cp.async, from sm_80).

#include "kernels/gpu/simt/simt.h"

#ifndef __CUDACC__
#include <vector>
#endif

namespace hewn {
namespace {

#ifdef __CUDACC__

/// Starts a copy of N = 4 or 16 bytes. Bytes from `bytes` on are set to zero without being read. Both
/// addresses are multiples of N.
template <int N>
__device__ __forceinline__ void copy_async(void* shared, const void* global, int bytes = N) {
  static_assert(N == 4 || N == 16);
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  if constexpr (N == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
}

/// Closes the current group of copies, which may be empty.
__device__ __forceinline__ void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until all but the newest `n` groups of this thread have arrived. Copies of other threads need a
/// barrier as well.
template <int n>
__device__ __forceinline__ void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

#else

/// Copies that a thread has started but not yet waited for.
struct AsyncCopies {
  struct Copy {
    void* to;
    const void* from;
    int bytes, size;
    int64_t group;
    void perform() const {
      std::memcpy(to, from, static_cast<size_t>(bytes));
      std::memset(static_cast<uint8_t*>(to) + bytes, 0, static_cast<size_t>(size - bytes));
    }
  };
  std::vector<Copy> waiting;
  int64_t groups = 0;
};

struct AsyncCopiesOfBlock final : emulator::BlockState {
  std::vector<AsyncCopies> of_thread{1024};
};

inline AsyncCopies& copies_of_this_thread() {
  const emulator::Place& p = emulator::place();
  return emulator::state_of_block<AsyncCopiesOfBlock>()
      .of_thread[(p.thread.z * p.threads.y + p.thread.y) * p.threads.x + p.thread.x];
}

/// In ascending thread order, a copy is executed immediately, which exposes a stage that is filled while it
/// is still being read. In shuffled order, it is executed as late as possible, which exposes a stage that is
/// read before its copy was awaited.
template <int N>
void copy_async(void* shared, const void* global, int bytes = N) {
  static_assert(N == 4 || N == 16);
  if (reinterpret_cast<uintptr_t>(shared) % N || reinterpret_cast<uintptr_t>(global) % N || bytes < 0 ||
      bytes > N)
    emulator::kernel_failed("an asynchronous copy is not aligned to its size");
  AsyncCopies& mine = copies_of_this_thread();
  const AsyncCopies::Copy copy{shared, global, bytes, N, mine.groups};
  emulator::options().order == 0 ? copy.perform() : mine.waiting.push_back(copy);
}

inline void end_copies() { ++copies_of_this_thread().groups; }

template <int n>
void await_copies() {
  AsyncCopies& mine = copies_of_this_thread();
  const auto due = std::find_if(mine.waiting.begin(), mine.waiting.end(),
                                [&](const auto& copy) { return copy.group >= mine.groups - n; });
  std::for_each(mine.waiting.begin(), due, [](const auto& copy) { copy.perform(); });
  mine.waiting.erase(mine.waiting.begin(), due);
}

#endif

}  // namespace
}  // namespace hewn
