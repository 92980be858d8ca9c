#pragma once
// A training step: computes gradients from batches and updates the parameters.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "model/model.h"
#include "train/data/batches.h"
#include "train/step/micro_batches.h"
#include "train/step/optimizer.h"
#include "train/step/step_exchange.h"
#include "train/step/step_graphs.h"
#include "train/step/step_results.h"

namespace hewn {

class Trainer {
 public:
  /// Allocates the optimizer's state, and slabs for the sums of the configured groups of micro-steps
  /// (`GradientGroups`). With several processes, each has its own trainer, and all call the same functions.
  /// The arguments but `config` must outlive the object. Throws usage if the groups cannot be divided among
  /// the processes.
  Trainer(Model& model, const TrainConfig& config, StepPartners* partners = nullptr);
  /// The same, with defaults for all other settings of a step. `seed` determines the dropout masks. Processes
  /// do not compare their parameters.
  Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule, uint64_t seed,
          int64_t groups = 1, StepPartners* partners = nullptr);

  /// Runs the forward and backward pass of each micro-batch, weighted by its number of targets (or of pairs, if its
  /// rows are pairs), then one update. Rows with different weights are separate micro-batches. On a GPU it returns
  /// before the work is done; the batches may be changed immediately. With several processes, each gives its own part of
  /// the micro-batches, in the order of their numbers. Throws usage if all targets are ignored, or if the
  /// number of micro-batches is not a multiple of the number of groups.
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
  /// The CUDA graphs of a step.
  StepGraphs& graphs() { return graphs_; }

  /// Whether the backward pass recomputes blocks instead of keeping their values: less memory, same bits.
  void recompute(bool on) { recompute_ = on; }
  /// Observes all later steps, which must not run as CUDA graphs; null: no longer.
  void observe(TapeObserver* observer) { observer_ = observer; }
  /// Sets the loss; the default is `loss_of_targets`.
  void minimise(LossOf loss) { loss_ = std::move(loss); }

  /// Steps queued and not dropped; also the number of the next step.
  int64_t steps_done() const { return step_.state.step; }
  /// Call this after loading parameters and moments.
  void set_steps_done(int64_t steps);
  Model& model() { return model_; }
  const Model& model() const { return model_; }
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }
  StepExchange& exchange() const { return *exchange_; }

  /// Runs the forward and backward pass of each micro-batch without an update, observed by `observer`, and
  /// sends all gradients to every process. Calls `after` with the number of each micro-batch when it is done.
  void watch(std::span<const Batch> micro_batches, TapeObserver& observer,
             const std::function<void(int64_t)>& after = {});

 private:
  using Work = std::function<void()>;
  MicroStep upload(const MicroBatch& micro_batch);
  void forward_backward(const MicroBatches& batches, TapeObserver* observer,
                        const std::function<void(const MicroStep&, const Work&)>& run);
  void forward_backward(const MicroStep& step, TapeObserver* observer);
  void launch(const MicroStep& step, const Work& work);
  void update(const std::optional<double>& loss);
  StepOnDevice* there() const { return static_cast<StepOnDevice*>(on_device_.data()); }

  Model& model_;
  ScheduleConfig schedule_;
  bool recompute_;
  TapeObserver* observer_ = nullptr;
  LossOf loss_ = loss_of_targets;
  GradientGroups groups_;
  StepOnDevice step_;
  Tensor on_device_;  // u8 [sizeof(StepOnDevice)]
  Tensor state_;      // the StepState in it
  BatchOnDevice batch_;
  StepResults results_;
  std::unique_ptr<StepExchange>
      exchange_;  // destroyed before the results: until then, the device may wait for another process
  Optimizer optimizer_;
  StepGraphs graphs_;  // destroyed before the exchange that they use
};

}  // namespace hewn
