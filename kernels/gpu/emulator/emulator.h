#pragma once
// Runs the blocks of a SIMT kernel on the host; simt_emulated.h is built on it.
//
// The threads of a block are fibers. A fiber runs until it has to wait: at a block barrier, at a
// collective operation of its warp, or for a condition that another thread makes true. Hangs and
// undefined behaviour of a GPU are errors here that name kernel, block and thread: a barrier that some
// threads never reach, diverging lanes in a warp-wide operation, a condition that never becomes true,
// a misaligned vector, more shared memory than allowed. Fresh shared memory holds NaN. Results must not
// depend on the order of blocks and threads; tests shuffle it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/not_copied.h"
#include "kernels/gpu/simt/grid.h"

namespace hewn::emulator {

struct Options {
  uint64_t order = 0;                      ///< seed of the order of blocks and threads; 0: ascending
  size_t shared_limit = 227u << 10;        ///< bytes per block, as on sm_90
  size_t memory_bytes = size_t{16} << 30;  ///< that a device created from now on reports
  /// Chooses the blocks to run of this kernel's grid, by number, x fastest; absent: all. Kernels too large to run as a
  /// whole are tested on a few of their blocks.
  std::function<std::vector<size_t>(std::string_view kernel, size_t blocks)> blocks = {};
};
Options& options();

/// Runs all blocks, calling `body` once per thread. Throws ErrorCode::failed. Runs one kernel at a time.
void run_kernel(const char* name, const Grid& grid, const std::function<void()>& body);

/// Queues work of another library on a stream (`GpuRuntime::stream`), for stand-ins of such libraries. When
/// its turn comes, `done` is called repeatedly, with access to device memory, until it returns true; later
/// work waits.
void queue_until(void* stream, std::function<bool()> done);

// The following functions are called from inside a kernel.

/// Waits until every thread of the block has arrived.
void block_barrier();

/// A warp-wide operation: `lanes[i]` is the argument of lane i, null if the lane is not in the mask.
using WarpWork = void (*)(void* const lanes[32], uint32_t mask);
/// Waits until every lane of `mask` has arrived with the same mask and `work`, then does the work once.
/// `what` names the operation in messages.
void warp_together(uint32_t mask, const char* what, void* mine, WarpWork work);

/// Waits until `done(subject)` holds; other threads make it true. `what` names the condition in messages.
void wait_until(bool (*done)(const void* subject), const void* subject, const char* what);

/// Shared memory of the block. Each key stands for one declaration and always yields the same memory.
void* block_shared(const void* key, size_t bytes);
/// The dynamic shared memory, of the size given at the launch.
void* dynamic_shared();
size_t dynamic_shared_bytes();

/// State that an emulated instruction keeps for the running block.
class BlockState : NotCopied {
 public:
  virtual ~BlockState() = default;
  /// Called when all threads of the block have ended, unless the kernel failed.
  virtual void ended() {}
};
/// The state of this key, made at the first call in a block and dropped after the block.
BlockState& block_state(const void* key, std::unique_ptr<BlockState> (*make)());
/// The S of the running block.
template <class S>
S& state_of_block() {
  static const char key = 0;
  return static_cast<S&>(
      block_state(&key, []() -> std::unique_ptr<BlockState> { return std::make_unique<S>(); }));
}

/// Ends the kernel with an error.
[[noreturn]] void kernel_failed(const char* why);
/// Ends the kernel because of an access to `bytes` at this address.
[[noreturn]] void misaligned(const void* address, size_t bytes, size_t alignment);

/// The indices of the running thread; simt_emulated.h exposes them under CUDA's names.
struct Place {
  Extent thread, block, threads, blocks;
};
const Place& place();

}  // namespace hewn::emulator
