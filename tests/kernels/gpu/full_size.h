#pragma once
// Kernels at the sizes of real models on the host: the launch has its full grid and its operands their full addresses,
// but only a few blocks run, and only the pages that they touch take memory.

#include <sys/mman.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/gpu/emulator/emulator.h"
#include "tests/support/catch.h"

namespace hewn::test {

/// n elements, all bits zero.
template <class T>
class Sparse {
 public:
  explicit Sparse(int64_t n) : bytes_(static_cast<size_t>(n) * sizeof(T) + 1) {
    void* const at =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<T*>(at);
  }
  ~Sparse() { munmap(data_, bytes_); }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;
  T* data() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_;
  size_t bytes_;
};

/// The blocks of a kernel to run, by number.
using ChosenBlocks = std::function<std::vector<size_t>(std::string_view kernel, size_t blocks)>;

/// Runs a rung of the ladder on the emulator, only on these blocks of each kernel. Scratch is zero at first.
template <class A>
void run_blocks(const Rung<A>& rung, const A& args, const ChosenBlocks& blocks) {
  Launch launch{.threads =
                    1 << 20};  // as many multiprocessors: no block loops over several parts of the work
  std::unique_ptr<Sparse<uint8_t>> scratch;
  if (rung.scratch_bytes) {
    launch.scratch_bytes = rung.scratch_bytes(args, launch.threads);
    scratch = std::make_unique<Sparse<uint8_t>>(static_cast<int64_t>(launch.scratch_bytes));
    launch.scratch = scratch->data();
  }
  emulator::options().blocks = blocks;
  try {
    rung.on(Isa::emulated)(launch, args);
  } catch (...) {
    emulator::options().blocks = {};
    throw;
  }
  emulator::options().blocks = {};
}

/// Calls f for the GPU rungs that accept the arguments. Returns their number.
template <class A, class F>
int for_gpu_rungs(const A& args, const F& f) {
  int rungs = 0;
  for (const Rung<A>& rung : ladder_of(args).rungs) {
    if (!rung.on(Isa::emulated) || (rung.why_not && rung.why_not(args))) continue;
    INFO(ladder_of(args).op << ", rung " << rung.name);
    f(rung);
    ++rungs;
  }
  return rungs;
}

/// The first and the last block.
inline std::vector<size_t> both_ends(std::string_view, size_t blocks) {
  return blocks == 1 ? std::vector<size_t>{0} : std::vector<size_t>{0, blocks - 1};
}

/// Runs all GPU rungs on both ends of each grid and calls `check` after each.
template <class A, class F>
void run_ends(const A& args, const F& check) {
  CHECK(for_gpu_rungs(args, [&](const Rung<A>& rung) {
          run_blocks(rung, args, both_ends);
          check();
        }) > 0);
}

inline bool is_near(float x, double expected) {
  return std::abs(static_cast<double>(x) - expected) <= 2e-6 + 1e-5 * std::abs(expected);
}

/// Checks both ends of n results and forgets them.
inline void check_both(const Sparse<float>& y, int64_t n, double at_first, double at_last) {
  CHECK(is_near(y[0], at_first));
  CHECK(is_near(y[n - 1], at_last));
  y[0] = y[n - 1] = NAN;
}

/// A number between -1 and 1 for an element; sums of a few thousand products of two are exact in float.
inline float number_of(int64_t row, int64_t col) {
  const uint64_t mixed =
      (static_cast<uint64_t>(row) * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(col)) * 0xbf58476d1ce4e5b9u;
  return static_cast<float>(static_cast<int>(mixed >> 40 & 15) - 8) / 8;
}

}  // namespace hewn::test
