#pragma once
// The results of training steps, on their way to the host. On a GPU the host does not wait for them.

#include <cstddef>

#include "kernels/contract/launch.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class Executor;

/// The numbers of a step beside its tensors, as they lie on the device.
struct StepOnDevice {
  double share = 0;  ///< the micro-batch's targets as a fraction of the step's
  StepState state;
  double loss = 0;  ///< sum of the micro-batches' losses, each times its share

  /// The host sets this many bytes from the beginning; kernels set the rest.
  static constexpr size_t given = sizeof(double) + offsetof(StepState, grad_norm);
};

/// What a step did.
struct StepResult {
  int64_t step = 0;      ///< its number, from 0
  double loss = 0;       ///< nats per target, before the update
  double grad_norm = 0;  ///< before clipping; NaN when the loss was not finite
  double learning_rate = 0;
  int64_t tokens = 0;  ///< targets that counted
  bool finite = true;  ///< false: loss or gradients held NaN or Inf, and nothing was updated
};

/// The results of up to `most` steps, first in, first out. A GPU copies them into pinned memory.
class StepResults {
 public:
  static constexpr size_t most = 2;

  explicit StepResults(Executor& device);
  ~StepResults();
  StepResults(const StepResults&) = delete;
  StepResults& operator=(const StepResults&) = delete;

  size_t size() const { return size_; }
  /// Adds a step whose work is queued: what is known of it already, and the StepOnDevice that will hold the
  /// rest. Throws usage if there are `most` already.
  void push(const StepResult& begun, const StepOnDevice* step);
  /// Waits for the oldest step and returns its result. Throws usage if there is none.
  StepResult take();

 private:
  struct Slot {
    StepResult result;
    GpuRuntime::Event done = nullptr;
  };

  Executor& device_;
  StepOnDevice* found_ = nullptr;  ///< [most], pinned where there is a GPU
  Slot slots_[most];
  StepOnDevice here_[most] = {};  ///< where there is no GPU
  size_t first_ = 0, size_ = 0;
};

}  // namespace hewn
