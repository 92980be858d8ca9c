#pragma once
// What training steps found, on its way to the host: on a GPU the host need not wait for it.

#include <cstddef>

#include "kernels/contract/launch.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class Executor;

/// What a step works with that is not in its tensors, as it lies on the device.
struct StepOnDevice {
  double share = 0;  ///< of the micro-batch in the targets of the step
  StepState state;
  double loss = 0;  ///< sum of the losses of micro-batches, each times its share

  /// Bytes from the first on that the host sets; kernels find the rest.
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

/// The results of up to `most` steps, first in, first out. A GPU copies them into pinned memory by itself.
class StepResults {
 public:
  static constexpr size_t most = 2;

  explicit StepResults(Executor& device);
  ~StepResults();
  StepResults(const StepResults&) = delete;
  StepResults& operator=(const StepResults&) = delete;

  size_t size() const { return size_; }
  /// Of a step all of which is queued: what is known of it, and the StepOnDevice that will hold the rest.
  /// Throws usage when there are `most` already.
  void push(const StepResult& begun, const StepOnDevice* step);
  /// The oldest, when the step is done. Throws usage when there is none.
  StepResult take();

 private:
  struct Slot {
    StepResult result;
    GpuRuntime::Event done = nullptr;
  };

  Executor& device_;
  StepOnDevice* found_ = nullptr;  ///< [most], pinned where there is a GPU
  Slot slots_[most];
  StepOnDevice here_[most] = {};  ///< elsewhere
  size_t first_ = 0, size_ = 0;
};

}  // namespace hewn
