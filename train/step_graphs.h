#pragma once
// The micro-steps of training as CUDA graphs: what the host queues kernel by kernel it queues at once, when
// it has done the same before.

#include <functional>

#include "core/memory.h"
#include "core/shape.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class Executor;

/// Which micro-step: those of a kind launch the same kernels at the same addresses.
struct MicroStep {
  bool first = true, last = true;  ///< of its step: the first sets gradients, the last updates parameters
  Shape shape;                     ///< of the batch
  const void* tokens = nullptr;    ///< where it lies on the device
  bool operator==(const MicroStep&) const = default;
};

/// Replays the micro-steps of a GPU. What changes from step to step has to be in device memory.
class StepGraphs {
 public:
  explicit StepGraphs(Executor& device);
  ~StepGraphs();
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;

  /// False: `work` is always done, as from the beginning where CUDA_LAUNCH_BLOCKING is set to find a kernel
  /// that fails.
  void use(bool on) { on_ = on; }
  /// Does `work` the first two times of its kind, after which the pool has all blocks that it takes; captures
  /// and replays it the third time; replays it from then on, and is true then: `work` was not called. Begins
  /// anew where another shape or place comes, or the blocks are somebody else's now.
  bool run(const MicroStep& step, const std::function<void()>& work);
  /// How many micro-steps were replays.
  int64_t replays() const { return replays_; }

 private:
  struct Kind {
    MicroStep step;
    int times = 0;
    GpuRuntime::Graph graph = nullptr;
    MemTrace memory;          ///< blocks that the graph uses
    void* scratch = nullptr;  ///< of the device, which the graph uses too
  };
  void capture(Kind& kind, const std::function<void()>& work);
  bool usable(const Kind& kind) const;
  void drop(Kind& kind);

  Executor& device_;
  Kind kinds_[4];  // by first and last
  bool on_;
  int64_t replays_ = 0;
};

}  // namespace hewn
