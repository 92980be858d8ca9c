#pragma once
// A training step: computes gradients from batches and updates the parameters.

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/contract/launch.h"
#include "model/model.h"
#include "train/data/batches.h"
#include "train/ranks/gradient_exchange.h"
#include "train/ranks/gradient_groups.h"
#include "train/ranks/ranks.h"
#include "train/ranks/tensors/route.h"
#include "train/step/optimizer.h"
#include "train/step/step_graphs.h"
#include "train/step/step_results.h"

namespace hewn {

class Trainer {
 public:
  /// Allocates the optimizer's state, and slabs for the sums of `groups` of micro-steps (`GradientGroups`). `seed`
  /// determines the dropout masks. With several ranks, each calls the functions of its own trainer at the same time;
  /// `ranks` must outlive it. Throws usage if the groups cannot be divided among them.
  Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule, uint64_t seed,
          int64_t groups = 1, Ranks* ranks = nullptr);
  /// The same, with everything else that a configuration says of a step.
  Trainer(Model& model, const TrainConfig& config, Ranks* ranks = nullptr);

  /// Runs the forward and backward pass of each micro-batch, weighted by its number of targets (or of pairs, if its
  /// rows are pairs), then one update. Rows with different weights are separate micro-batches. On a GPU it returns
  /// before the work is done; the batches may be changed immediately. With several ranks, each gives its own part of
  /// the micro-batches, in the order of their numbers. Throws usage if all targets are ignored, or if the number of
  /// micro-batches is no multiple of that of their groups.
  void queue(std::span<const Batch> micro_batches);
  /// Waits for the oldest queued step and returns its result. If it was not finite, neither it nor the steps
  /// queued after it changed anything, and those are dropped.
  StepResult read();
  /// Queues a step and reads its result.
  StepResult step(std::span<const Batch> micro_batches);
  StepResult step(const Batch& batch) { return step(std::span(&batch, 1)); }

  /// The number of steps whose results have not been read.
  int64_t queued() const { return static_cast<int64_t>(results_.size()); }
  /// The number of steps that may be queued; with that many, the device never waits for the host.
  int64_t most_queued() const;
  /// The CUDA graphs of micro-steps.
  StepGraphs& graphs() { return graphs_; }

  /// Whether the backward pass recomputes blocks instead of keeping their values: less memory, same bits.
  void recompute(bool on) { recompute_ = on; }
  /// Has all further steps observed, which must not run as CUDA graphs; null: no longer.
  void observe(TapeObserver* observer) { observer_ = observer; }
  /// The loss of batches whose rows are pairs (`preference_loss`).
  void prefer(const PreferenceConfig& config) { preference_ = config; }

  /// Steps queued and not dropped; also the number of the next step.
  int64_t steps_done() const { return step_.state.step; }
  /// Must be called after parameters and moments were loaded.
  void set_steps_done(int64_t steps);
  Model& model() { return model_; }
  const Model& model() const { return model_; }
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }
  /// The ranks that train together; null: this process alone.
  Ranks* ranks() const { return ranks_; }

  /// Runs the forward and backward pass of each micro-batch without an update, observed by `observer`.
  void watch(std::span<const Batch> micro_batches, TapeObserver& observer);

  /// The first parameter with values that are not finite, "transformer.wte.weight: 3 of 4096 values are not
  /// finite", or "". An update can overflow even if its gradients are finite. With several ranks, all call it.
  std::string bad_parameter();
  /// Repeats a non-finite step, without the update, and names the first node whose value or gradient is not
  /// finite: "h.2.attn softmax, values: 3 of 4096 elements are not finite". Takes as long as one slow step.
  std::string first_bad_node(std::span<const Batch> micro_batches);

 private:
  /// A micro-batch with targets, as a part of its step.
  struct Part {
    const Batch* batch;
    int64_t micro_step;  ///< index among all micro-batches of the step
    double share;        ///< its targets or pairs, times their weight, as a fraction of the step's
  };
  struct Parts {
    std::deque<Batch> cut;                ///< batches of rows of equal weight
    std::vector<std::vector<Part>> list;  ///< of this rank, by group
    int64_t targets = 0;                  ///< of the step, those of all ranks
  };
  Parts parts_of(std::span<const Batch> micro_batches) const;
  void share_out(Parts& parts, std::vector<double> counted) const;
  MicroStep upload(const Part& part);
  void each_micro_step(const Parts& parts, const std::function<void(const MicroStep&, int64_t group)>& body);
  Tensor loss();
  void forward_backward(const MicroStep& step, TapeObserver* observer);
  void make_room_for_losses(const Parts& parts);
  void end_group(int64_t group);
  void update();
  StepOnDevice* there() const { return static_cast<StepOnDevice*>(on_device_.data()); }

  Model& model_;
  Ranks* ranks_;  // null: this process alone
  Optimizer optimizer_;
  ScheduleConfig schedule_;
  bool recompute_ = false;
  TapeObserver* observer_ = nullptr;
  PreferenceConfig preference_;
  int64_t check_interval_ = 0;  // 0: never
  GradientGroups groups_;
  StepOnDevice step_;
  // The inputs of a micro-step, at fixed device addresses, so that graphs can be replayed.
  Tensor on_device_;         // u8 [sizeof(StepOnDevice)]
  Tensor state_;             // the StepState in it
  Tensor losses_;            // with several ranks, f64: of this rank's micro-steps
  Tensor tokens_, targets_;  // i32 [rows, block_size]
  Tensor reference_;         // f64 as the model, or f32, [rows]; undefined unless the rows are pairs
  StepResults results_;
  // With several ranks. They end first: until then, the device may wait for another rank.
  std::optional<TensorRoute> route_;
  std::optional<GradientExchange> exchange_;
  StepGraphs graphs_;  // before the exchanges that they hold
};

}  // namespace hewn
