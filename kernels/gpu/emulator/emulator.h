#pragma once
// Runs the blocks of a SIMT kernel on the host: what stands behind simt_emulated.h.
//
// The threads of a block are fibers. One runs until it waits for others: at a barrier of the block, or at an
// operation that the lanes of a warp do together, or until something has become true. What a GPU would hang
// at or leave undefined is an error here that names kernel, block and thread: a barrier that some threads
// never reach, lanes of a warp that do different things, something that never becomes true, more shared
// memory than there is. Fresh shared memory holds NaN. Nothing may depend on the order of blocks and threads,
// so that it can be shuffled.

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/gpu/simt/grid.h"

namespace hewn::emulator {

struct Options {
  uint64_t order = 0;                ///< seed of the order of blocks and threads; 0: ascending
  size_t shared_limit = 227u << 10;  ///< bytes a block may have, as on sm_90
};
Options& options();

/// Runs all blocks, `body` once in each thread. Throws ErrorCode::failed; one kernel at a time.
void run_kernel(const char* name, const Grid& grid, const std::function<void()>& body);

// The rest is called from inside a kernel.

/// Waits until every thread of the block is here.
void block_barrier();

/// What a warp does together: `lanes[i]` is what lane i brought, null where the lane is not in the mask.
using WarpWork = void (*)(void* const lanes[32], uint32_t mask);
/// Waits until every lane of `mask` is here with the same mask and `work`, does the work once, goes on.
/// `what` names it in messages.
void warp_together(uint32_t mask, const char* what, void* mine, WarpWork work);

/// Waits until `done(subject)`, which other threads bring about. `what` names it in messages.
void wait_until(bool (*done)(const void* subject), const void* subject, const char* what);

/// Shared memory of the block; the same for the same key, which stands for one declaration.
void* block_shared(const void* key, size_t bytes);
/// The shared memory whose size was given at the launch.
void* dynamic_shared();
/// Ends the kernel with an error.
[[noreturn]] void kernel_failed(const char* why);

/// Where the running thread stands; simt_emulated.h shows them under CUDA's names.
struct Place {
  Extent thread, block, threads, blocks;
};
const Place& place();

}  // namespace hewn::emulator
