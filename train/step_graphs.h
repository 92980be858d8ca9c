#pragma once
// The micro-steps of training as CUDA graphs.

#include <functional>

#include "core/shape.h"
#include "kernels/devices/captured_work.h"

namespace hewn {

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

  /// Turns capturing on or off.
  void use(bool on) { on_ = on; }
  /// Launches, captures or replays `work` as `CapturedWork` does. Returns true if `work` was not called. Starts
  /// again if shape or address change.
  bool run(const MicroStep& step, const std::function<void()>& work);
  /// The number of replayed micro-steps.
  int64_t replays() const;

 private:
  struct Kind {
    MicroStep step;
    CapturedWork work;
  };

  Executor& device_;
  Kind kinds_[4];  // indexed by first and last
  bool on_ = true;
};

}  // namespace hewn
