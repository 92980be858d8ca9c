#pragma once
// Work that is repeated often, as a CUDA graph: the host launches its kernels individually at first, then
// captures them and replays all of them in one call.

#include <functional>

#include "core/base/not_copied.h"
#include "core/memory.h"
#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

/// Replays work on a GPU. It must launch the same kernels at the same addresses each time; everything that
/// changes between repetitions must be in device memory.
class CapturedWork : NotCopied {
 public:
  explicit CapturedWork(Executor& device) : device_(&device) {}
  ~CapturedWork() { forget(); }

  /// Whether work can be captured: on a GPU, unless a profiler needs individual kernels, or
  /// CUDA_LAUNCH_BLOCKING is set to find a failing kernel.
  static bool possible(Executor& device);

  /// Calls `work` the first two times, after which the pool holds all required blocks; the third time captures
  /// and replays it; from then on only replays it. Returns true if `work` was not called. Starts again if blocks
  /// of the graph are in use elsewhere.
  bool run(const std::function<void()>& work);
  /// Starts again with the next call of `run`.
  void forget();
  /// The number of replays.
  int64_t replays() const { return replays_; }

 private:
  void capture(const std::function<void()>& work);
  bool usable() const;

  Executor* device_;
  int times_ = 0;  ///< the number of times that work was launched individually
  GpuRuntime::Graph graph_ = nullptr;
  MemTrace memory_;          ///< the pool's blocks that the graph uses
  void* scratch_ = nullptr;  ///< the device's scratch, which the graph also uses
  int64_t replays_ = 0;
};

}  // namespace hewn
