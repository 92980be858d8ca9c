#pragma once
// The micro-steps of training as CUDA graphs. The host launches a micro-step kernel by kernel at first, then
// captures it and replays the whole in one call.

#include <functional>

#include "core/memory.h"
#include "core/shape.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class Executor;

/// What distinguishes micro-steps: equal ones launch the same kernels at the same addresses.
struct MicroStep {
  bool first = true, last = true;  ///< in its step: the first sets gradients, the last updates parameters
  Shape shape;                     ///< of the batch
  const void* tokens = nullptr;    ///< its address on the device
  bool operator==(const MicroStep&) const = default;
};

/// Replays micro-steps on a GPU. Everything that changes from step to step has to be in device memory.
class StepGraphs {
 public:
  explicit StepGraphs(Executor& device);
  ~StepGraphs();
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;

  /// False: never capture. That is the default where CUDA_LAUNCH_BLOCKING is set, to find a kernel that
  /// fails.
  void use(bool on) { on_ = on; }
  /// Calls `work` the first two times, after which the pool holds all blocks that it needs; the third time
  /// captures and replays it; from then on only replays it. Returns true if `work` was not called. Starts
  /// again when shape or address change, or when blocks of the graph are in use elsewhere.
  bool run(const MicroStep& step, const std::function<void()>& work);
  /// How many micro-steps were replayed.
  int64_t replays() const { return replays_; }

 private:
  struct Kind {
    MicroStep step;
    int times = 0;
    GpuRuntime::Graph graph = nullptr;
    MemTrace memory;          ///< blocks of the pool that the graph uses
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
