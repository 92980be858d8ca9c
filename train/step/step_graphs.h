#pragma once
// A training step as CUDA graphs: one for each micro-step, and one for the update.

#include <functional>
#include <list>

#include "core/shape.h"
#include "core/write.h"
#include "kernels/devices/captured_work.h"

namespace hewn {

/// Identifies a micro-step: equal ones launch the same kernels at the same addresses.
struct MicroStep {
  bool sets = true, ends = true;  ///< whether it is the first, the last of its group
  bool updates = true;            ///< whether the parameters are updated after it
  int slab = 0;                   ///< slab in which its group is accumulated
  double* loss = nullptr;         ///< destination of its loss on the device
  Write to_loss = Write::set;     ///< whether it overwrites that
  Shape shape;                    ///< of the batch
  /// Addresses on the device.
  const void *tokens = nullptr, *targets = nullptr, *reference = nullptr;
  bool operator==(const MicroStep&) const = default;
};

/// Replays micro-steps and updates on a GPU. Everything that changes between steps must be in device memory.
class StepGraphs {
 public:
  /// The number of kinds of micro-steps whose graphs are kept. Batches of rows of different lengths have many
  /// shapes; the kind used least recently is dropped first.
  static constexpr size_t most = 32;

  explicit StepGraphs(Executor& device) : device_(device), update_(device) {}

  /// Turns capturing on or off.
  void use(bool on) { on_ = on; }
  /// Launches, captures or replays `work` as `CapturedWork` does, separately for each kind of micro-step. Returns
  /// true if `work` was not called.
  bool run(const MicroStep& step, const std::function<void()>& work);
  /// The same for the update of all parameters.
  bool run_update(const std::function<void()>& work);
  /// The number of replayed micro-steps.
  int64_t replays() const { return replays_; }

 private:
  struct Kind {
    Kind(const MicroStep& micro_step, Executor& device) : step(micro_step), work(device) {}
    MicroStep step;
    CapturedWork work;
  };
  bool may_capture() const { return on_ && CapturedWork::possible(device_); }
  CapturedWork& work_of(const MicroStep& step);

  Executor& device_;
  std::list<Kind> kinds_;  // most recently used first
  CapturedWork update_;
  int64_t replays_ = 0;
  bool on_ = true;
};

}  // namespace hewn
