#pragma once
// One training step: batches in, better parameters out.

#include <span>
#include <string>

#include "kernels/contract/launch.h"
#include "model/model.h"
#include "train/data/batches.h"
#include "train/optimizer.h"
#include "train/step_graphs.h"
#include "train/step_results.h"

namespace hewn {

class Trainer {
 public:
  /// Allocates the optimizer's state. `seed` is that of dropout.
  Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule, uint64_t seed);

  /// Forward and backward of each micro-batch, gradients weighted by their targets, then one update. On a GPU
  /// nothing is waited for: the step is queued, and the batches may change at once.
  void queue(std::span<const Batch> micro_batches);
  /// What the oldest step that is queued did, once it is done. One that was not finite changed nothing, and
  /// neither did those behind it: they are forgotten.
  StepResult read();
  /// Both: a step, and what it did.
  StepResult step(std::span<const Batch> micro_batches);
  StepResult step(const Batch& batch) { return step(std::span(&batch, 1)); }

  /// Steps whose results have not been read.
  int64_t queued() const { return static_cast<int64_t>(results_.size()); }
  /// How many to queue so that the device never waits for the host; more than that are refused.
  int64_t most_queued() const;
  /// A GPU's micro-steps as CUDA graphs.
  StepGraphs& graphs() { return graphs_; }

  /// Whether blocks are computed again in the backward pass instead of being kept: less memory, the same
  /// bits.
  void recompute(bool on) { recompute_ = on; }

  /// Steps queued so far and not refused; the number of the next one.
  int64_t steps_done() const { return step_.state.step; }
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
  /// A micro-batch with targets, as a part of its step.
  struct Part {
    const Batch* batch;
    int64_t micro_step;  ///< its place among all micro-batches of the step
    double share;        ///< of its targets in those of the step
    bool first, last;    ///< of those with targets
  };
  static std::vector<Part> parts_of(std::span<const Batch> micro_batches);
  MicroStep upload(const Part& part);
  void forward_backward(const MicroStep& step, TapeObserver* observer);
  void micro_step(const MicroStep& step);
  void update();
  StepOnDevice* there() const { return static_cast<StepOnDevice*>(on_device_.data()); }

  Model& model_;
  Optimizer optimizer_;
  ScheduleConfig schedule_;
  bool recompute_ = false;
  StepOnDevice step_;
  // What a micro-step reads is always at the same place of the device.
  Tensor on_device_;         // u8 [sizeof(StepOnDevice)]
  Tensor state_;             // the StepState in it
  Tensor tokens_, targets_;  // i32 [rows, block_size]
  StepGraphs graphs_;
  StepResults results_;
};

/// Where operations do not look at ids themselves, on a GPU: throws input for a token or target that is none
/// of the model's.
void check_batch(const Model& model, const Batch& batch);
/// Tokens or targets of a batch on a device: i32 [rows, block_size].
Tensor batch_tensor(Device& device, const Batch& batch, const std::vector<int32_t>& values);

}  // namespace hewn
