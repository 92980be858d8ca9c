#pragma once
// The one place CPU parallelism comes from.

#include "kernels/contract/launch.h"

namespace hewn {

/// Calls body(context, part) once for each part 0..parts-1, in any order, on the caller's thread and on
/// others that are free; returns when all parts are done. `threads` is the launch's number of threads and
/// stays the same from region to region, however many parts a region has. A region begun inside a region, or
/// by a second thread at the same time, runs on its own thread only. The body must not throw: where several
/// threads work, an exception ends the program. Throws as parallelism() does.
void parallel_region(int threads, int parts, void (*body)(void* context, int part), void* context);

/// What runs parallel regions. The team is the project's own, for machines that other programs keep busy
/// (docs/architecture.md says why it is faster there).
enum class Parallelism { openmp, team };

/// The choice of this process: HEWN_PARALLEL=openmp|team in the environment, OpenMP when it is not set.
/// Throws ErrorCode::usage for any other value.
Parallelism parallelism();
/// "openmp" or "team".
const char* name_of(Parallelism parallelism);
/// Replaces the choice. No region may be running.
void set_parallelism(Parallelism parallelism);

/// Splits [0, n) into one contiguous range per thread and calls body(begin, end, worker) for the non-empty
/// ones. Work items must not depend on how they are grouped: make an item a fixed block (of rows, of
/// elements), so that results are the same bits for every number of threads.
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

/// Cores this process may use.
int available_cores();

/// How many blocks of `block` items cover n.
[[gnu::always_inline]] inline constexpr int64_t blocks_of(int64_t n, int64_t block) {
  return (n + block - 1) / block;
}

/// parallel_for over n independent elements: calls body(begin, end) with ranges of whole blocks of 4096, but
/// for the end of the last.
template <class Body>
inline void parallel_elements(const Launch& launch, int64_t n, const Body& body) {
  constexpr int64_t block = 4096;
  parallel_for(launch, (n + block - 1) / block, [&](int64_t begin, int64_t end, int) {
    body(begin * block, end * block < n ? end * block : n);
  });
}

}  // namespace hewn
