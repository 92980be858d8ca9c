#include "train/step/trainer.h"

#include <cstddef>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/global_norm/abi.h"

namespace hewn {

Trainer::Trainer(Model& model, const TrainConfig& config, StepPartners* partners)
    : model_(model),
      schedule_(config.schedule),
      recompute_(config.recompute),
      groups_(model.parameters(),
              partners ? partners->groups_of_each(config.grad_shards) : config.grad_shards),
      results_(executor(model.device())),
      exchange_(partners ? partners->exchange({model.parameters(), groups_, config})
                         : std::make_unique<StepExchange>()),
      optimizer_(model.parameters(), config.optimizer, *exchange_),
      graphs_(executor(model.device())) {
  step_.state.seed = config.seed;
  const MemUseScope use(MemUse::optimizer);
  on_device_ = Tensor::zeros(model.device(), DType::u8, {static_cast<int64_t>(sizeof(StepOnDevice))});
  state_ = on_device_.sliced(0, offsetof(StepOnDevice, state), sizeof(StepState));
}

Trainer::Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule,
                 uint64_t seed, int64_t groups, StepPartners* partners)
    : Trainer(model,
              TrainConfig{.model = {},
                          .optimizer = optimizer,
                          .schedule = schedule,
                          .grad_shards = groups,
                          .seed = seed,
                          .check_interval = 0},
              partners) {}

void Trainer::set_steps_done(int64_t steps) {
  step_.state.step = steps;
  if (steps > 0) optimizer_.round_again(step_.state);
}

void Trainer::queue(std::span<const Batch> micro_batches) {
  const MicroBatches batches = micro_batches_of(micro_batches, groups_.count(), *exchange_);
  const StepResult begun{.step = steps_done(),
                         .learning_rate = learning_rate_at(schedule_, steps_done()),
                         .tokens = batches.targets};
  require(begun.tokens > 0, "step ", begun.step, ": the batch has no target that is not ignored");
  step_.state.learning_rate = begun.learning_rate;
  if (executor(model_.device()).gpu())
    for (Parameter& p : model_.parameters().all()) bf16_of(p);  // a graph does not recreate the copies
  exchange_->begin(batches.count);
  forward_backward(batches, observer_, [&](const MicroStep& step, const Work& work) { launch(step, work); });
  update(exchange_->finish(steps_done()));
  results_.push(begun, there());
  ++step_.state.step;
}

/// Calls `run` with the forward and backward pass of each micro-batch, once it is on the device. The gradients of a group
/// without any are zero.
void Trainer::forward_backward(const MicroBatches& batches, TapeObserver* observer,
                               const std::function<void(const MicroStep&, const Work&)>& run) {
  double* const losses = exchange_->losses();
  int64_t turn = 0;
  for (int64_t group = 0; group < groups_.count(); ++group) {
    const std::vector<MicroBatch>& list = batches.groups[static_cast<size_t>(group)];
    groups_.begin(group);
    for (const MicroBatch& micro_batch : list) {
      MicroStep step = upload(micro_batch);
      step.sets = &micro_batch == &list.front();
      step.ends = &micro_batch == &list.back();
      step.updates = step.ends && group + 1 == groups_.count();
      step.slab = GradientGroups::slab_of(group);
      step.loss = losses ? losses + turn : &there()->loss;
      step.to_loss = losses || turn == 0 ? Write::set : Write::add;
      ++turn;
      run(step, [&] {
        if (step.updates) exchange_->begin_last_pass();
        forward_backward(step, observer);
        if (step.ends) exchange_->end_group(groups_, group);
      });
    }
    if (!list.empty()) continue;
    model_.parameters().clear_grads();
    exchange_->end_group(groups_, group);
  }
}

/// Copies a micro-batch to its place on the device, with the host's part of `StepOnDevice`.
MicroStep Trainer::upload(const MicroBatch& micro_batch) {
  batch_.take(model_, *micro_batch.batch);
  step_.state.micro_step = micro_batch.number;
  step_.share = micro_batch.share;
  model_.device().upload(there(), &step_, StepOnDevice::given);
  return {.shape = batch_.tokens.shape(),
          .tokens = batch_.tokens.data(),
          .targets = batch_.targets.data(),
          .reference = batch_.reference.defined() ? batch_.reference.data() : nullptr};
}

/// Runs the forward and backward pass of the micro-batch on the device.
void Trainer::forward_backward(const MicroStep& step, TapeObserver* observer) {
  if (step.sets) model_.parameters().clear_grads();
  Tape tape;
  tape.observe(observer);
  const Tensor value = loss_(model_, batch_, {.step_state = state_, .recompute = recompute_}),
               gradient = value.like();
  run(model_.device(), StepLoss{.dtype = value.dtype(),
                                .loss = value.data(),
                                .share = &there()->share,
                                .state = &there()->state,
                                .gradient = gradient.data(),
                                .sum = step.loss,
                                .to_sum = step.to_loss});
  tape.backward(value, gradient, {.last_micro_step = step.updates});
}

/// Runs a micro-step, as a graph if possible.
void Trainer::launch(const MicroStep& step, const Work& work) {
  if (step.updates && !exchange_->in_graphs()) return work();
  const int64_t before = graphs_.replays();
  const bool again = graphs_.run(step, work);
  if (step.updates && graphs_.replays() > before) exchange_->replayed(again);
}

/// Updates the parameters. `loss`: that of the step, if it is not on the device; the host then takes part in the update, so
/// that it cannot be a graph.
void Trainer::update(const std::optional<double>& loss) {
  const auto work = [&] { optimizer_.step(state_, &there()->loss); };
  if (loss) {
    model_.device().upload(there(), &step_, StepOnDevice::given);  // its micro-steps may have had no targets
    model_.device().upload(&there()->loss, &*loss, sizeof *loss);
    work();
  } else if (graphs_.run_update(work)) {
    model_.parameters().updated();
  }
}

StepResult Trainer::read() {
  const StepResult result = results_.take([&] { exchange_->check(); });
  if (result.finite) return result;
  while (results_.size() > 0) results_.take();
  step_.state.step = result.step;
  const int64_t none = 0;
  model_.device().upload(&there()->state.non_finite, &none, sizeof none);
  return result;
}

StepResult Trainer::step(std::span<const Batch> micro_batches) {
  require(queued() == 0, "cannot run a step while ", queued(), " are queued; read their results first");
  queue(micro_batches);
  return read();
}

int64_t Trainer::most_queued() const {
  return executor(model_.device()).gpu() ? static_cast<int64_t>(StepResults::most) : 1;
}

void Trainer::watch(std::span<const Batch> micro_batches, TapeObserver& observer,
                    const std::function<void(int64_t)>& after) {
  const MicroBatches batches = micro_batches_of(micro_batches, groups_.count(), *exchange_);
  exchange_->begin(batches.count);
  forward_backward(batches, &observer, [&](const MicroStep&, const Work& work) {
    work();
    if (after) after(step_.state.micro_step);
  });
  exchange_->gather_gradients();
}

}  // namespace hewn
