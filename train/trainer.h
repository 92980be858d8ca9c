#pragma once
// One training step: batches in, better parameters out.

#include <span>
#include <string>

#include "kernels/launch.h"
#include "model/model.h"
#include "train/batches.h"
#include "train/optimizer.h"

namespace hewn {

/// What a step did.
struct StepResult {
  int64_t step = 0;      ///< its number, from 0
  double loss = 0;       ///< nats per target, before the update
  double grad_norm = 0;  ///< before clipping; NaN when the loss was not finite and it was not computed
  double learning_rate = 0;
  int64_t tokens = 0;  ///< targets that counted
  bool finite = true;  ///< false: loss or gradients held NaN or Inf, and nothing was updated
};

class Trainer {
 public:
  /// Allocates the optimizer's state. `seed` is that of dropout.
  Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule, uint64_t seed);

  /// Forward and backward of each micro-batch, gradients weighted by their targets, then one update.
  StepResult step(std::span<const Batch> micro_batches);
  StepResult step(const Batch& batch) { return step(std::span(&batch, 1)); }

  /// Steps done so far; the number of the next one.
  int64_t steps_done() const { return state_.step; }
  /// After parameters and moments were loaded.
  void set_steps_done(int64_t steps);
  Model& model() { return model_; }
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }

  /// Forward and backward of each micro-batch without an update, under the eyes of `observer`.
  void watch(std::span<const Batch> micro_batches, TapeObserver& observer);

  /// The first parameter with values that are not finite, "transformer.wte.weight: 3 of 4096 values are not
  /// finite", or "": an update can overflow though its gradients are finite.
  std::string bad_parameter() const;
  /// Repeats the forward and backward passes of a step that was not finite and names the first node whose
  /// value or gradient is not: "h.2.attn softmax: 3 of 4096 values are not finite". Costs one slow step.
  std::string first_bad_node(std::span<const Batch> micro_batches);

 private:
  double accumulate(std::span<const Batch> micro_batches, TapeObserver* observer);
  void upload_state();

  Model& model_;
  Optimizer optimizer_;
  ScheduleConfig schedule_;
  StepState state_;
  Tensor device_state_;  // u8 [sizeof(StepState)]
};

/// Where operations do not look at ids themselves, on a GPU: throws input for a token or target that is none
/// of the model's.
void check_batch(const Model& model, const Batch& batch);
/// Tokens or targets of a batch on a device: i32 [rows, block_size].
Tensor batch_tensor(Device& device, const Batch& batch, const std::vector<int32_t>& values);

}  // namespace hewn
