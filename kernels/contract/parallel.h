#pragma once
// All CPU parallelism goes through this header.

#include <type_traits>

#include "kernels/contract/launch.h"

namespace hewn {

/// Calls body(context, part) once for each part 0 .. parts - 1, in any order, on the caller's thread and on
/// free threads; returns when all parts are done. `threads` is the launch's number of threads and stays the
/// same from region to region, however many parts a region has. A region that starts inside another one, or
/// on a second thread at the same time, runs on its own thread only. The body must not throw: if several
/// threads work, an exception ends the program.
void parallel_region(int threads, int parts, void (*body)(void* context, int part), void* context);

/// Calls work(context) within one long region of `threads` threads. The other threads wait, without sleeping
/// while the processors are free (kernels/contract/crew.h), for the regions that `work` begins. For code that
/// begins regions every few microseconds. Propagates exceptions of `work`. Merely calls `work` if another
/// long region exists or OMP_WAIT_POLICY is set.
void long_region(int threads, void (*work)(void* context), void* context);

template <class Work>
void long_region(int threads, Work&& work) {
  long_region(
      threads, [](void* context) { (*static_cast<std::remove_reference_t<Work>*>(context))(); },
      const_cast<void*>(static_cast<const void*>(&work)));
}

/// Splits [0, n) into one contiguous range per thread and calls body(begin, end, worker) for the non-empty
/// ones. Work items must not depend on how they are grouped: make an item a fixed block (of rows, of
/// elements), so that results have the same bits for any number of threads.
template <class Body>
inline void parallel_for(const Launch& launch, int64_t n, const Body& body) {
  const int workers = static_cast<int>(n < launch.threads ? n : launch.threads);
  if (workers <= 1) {
    if (n > 0) body(int64_t{0}, n, 0);
    return;
  }
  struct Work {
    const Body& body;
    int64_t n;
    int workers;
  } work{body, n, workers};
  parallel_region(
      launch.threads, workers,
      [](void* context, int part) {
        const Work& w = *static_cast<const Work*>(context);
        w.body(w.n * part / w.workers, w.n * (part + 1) / w.workers, part);
      },
      &work);
}

/// The number of cores that this process may use: at most the whole processors that the quotas of its control groups
/// allow (`processor_quota`), at least 1.
int available_cores();

/// The number of blocks of `block` items that cover n.
[[gnu::always_inline]] inline constexpr int64_t blocks_of(int64_t n, int64_t block) {
  return (n + block - 1) / block;
}

// Sums over the rows of a matrix, such as the gradient of a bias: each block of rows is summed separately, then the
// block sums are added in order. The blocks depend only on the number of rows, never on the number of threads.

/// At least 32 rows, and more once there would be over 128 blocks.
[[gnu::always_inline]] inline constexpr int64_t rows_per_block(int64_t rows) {
  const int64_t even = blocks_of(rows, 128);
  return even < 32 ? 32 : even;
}
[[gnu::always_inline]] inline constexpr int64_t row_blocks(int64_t rows) {
  return blocks_of(rows, rows_per_block(rows));
}

/// parallel_for over n independent elements: calls body(begin, end) with ranges of whole blocks of 4096
/// elements, except for a shorter last block.
template <class Body>
inline void parallel_elements(const Launch& launch, int64_t n, const Body& body) {
  constexpr int64_t block = 4096;
  parallel_for(launch, (n + block - 1) / block, [&](int64_t begin, int64_t end, int) {
    body(begin * block, end * block < n ? end * block : n);
  });
}

}  // namespace hewn
