#pragma once
// The micro-steps of training as CUDA graphs. The host first launches the kernels of a micro-step
// individually, then captures them and replays all of them in one call.

#include <functional>

#include "core/memory.h"
#include "core/shape.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class Executor;

/// Identifies a micro-step: equal ones launch the same kernels at the same addresses.
struct MicroStep {
  bool first = true, last = true;  ///< in its step: first sets gradients, last updates parameters
  Shape shape;                     ///< of the batch
  const void* tokens = nullptr;    ///< address on the device
  bool operator==(const MicroStep&) const = default;
};

/// Replays micro-steps on a GPU. Everything that changes between steps must be in device memory.
class StepGraphs {
 public:
  explicit StepGraphs(Executor& device);
  ~StepGraphs();
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;

  /// Turns capturing on or off. Off by default if CUDA_LAUNCH_BLOCKING is set, which serves to find a failing kernel.
  void use(bool on) { on_ = on; }
  /// Calls `work` the first two times, after which the pool holds all required blocks; the third time
  /// captures and replays it; from then on only replays it. Returns true if `work` was not called. Starts
  /// again if shape or address change, or if blocks of the graph are in use elsewhere.
  bool run(const MicroStep& step, const std::function<void()>& work);
  /// The number of replayed micro-steps.
  int64_t replays() const { return replays_; }

 private:
  struct Kind {
    MicroStep step;
    int times = 0;
    GpuRuntime::Graph graph = nullptr;
    MemTrace memory;          ///< the pool's blocks that the graph uses
    void* scratch = nullptr;  ///< the device's scratch, which the graph also uses
  };
  void capture(Kind& kind, const std::function<void()>& work);
  bool usable(const Kind& kind) const;
  void drop(Kind& kind);

  Executor& device_;
  Kind kinds_[4];  // indexed by first and last
  bool on_;
  int64_t replays_ = 0;
};

}  // namespace hewn
