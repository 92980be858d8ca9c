#pragma once
// A queue of training step results; on a GPU, the host does not wait for them.

#include <cstddef>
#include <functional>

#include "core/base/not_copied.h"
#include "kernels/contract/launch.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class Executor;

/// The scalars of a step on the device.
struct StepOnDevice {
  double share = 0;  ///< the micro-batch's targets as a fraction of the step's
  StepState state;
  double loss = 0;  ///< sum of the micro-batches' losses, each times its share

  /// The host writes this many bytes from the beginning; kernels write the rest.
  static constexpr size_t given = sizeof(double) + offsetof(StepState, grad_norm);
};

/// The result of a step.
struct StepResult {
  int64_t step = 0;      ///< number of the step, from 0
  double loss = 0;       ///< nats per target, before the update
  double grad_norm = 0;  ///< before clipping; NaN if the loss was not finite
  double learning_rate = 0;
  int64_t tokens = 0;  ///< number of targets that are not ignored
  bool finite = true;  ///< false: loss or gradients had NaN or Inf, and nothing was updated
};

/// A queue of the results of up to `most` steps. A GPU copies them to pinned memory.
class StepResults : NotCopied {
 public:
  static constexpr size_t most = 2;

  explicit StepResults(Executor& device);
  ~StepResults();

  size_t size() const { return size_; }
  /// Adds a queued step: the part of its result that is already known, and the StepOnDevice that will hold
  /// the rest. Throws usage if there are `most` steps already.
  void push(const StepResult& begun, const StepOnDevice* step);
  /// Waits for the oldest step and returns its result. Calls `check`, which may throw, repeatedly meanwhile.
  /// Throws usage if there is none.
  StepResult take(const std::function<void()>& check = {});

 private:
  struct Slot {
    StepResult result;
    GpuRuntime::Event done = nullptr;
  };

  Executor& device_;
  StepOnDevice* found_ = nullptr;  ///< [most], in pinned memory if there is a GPU
  Slot slots_[most];
  StepOnDevice here_[most] = {};  ///< used if there is no GPU
  size_t first_ = 0, size_ = 0;
};

}  // namespace hewn
