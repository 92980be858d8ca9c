#include "train/step/trainer.h"

#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/global_norm/abi.h"
#include "train/data/batch_tensors.h"
#include "train/ranks/comparison.h"
#include "train/tasks/preference/loss.h"

namespace hewn {
namespace {

/// The rows of a batch with this weight, as a batch.
Batch rows_of_weight(const Batch& batch, double weight) {
  Batch part{.rows = 0, .block_size = batch.block_size, .tokens = {}, .targets = {}};
  for (int64_t row = 0; row < batch.rows; ++row) {
    if (batch.row_weights[static_cast<size_t>(row)] != weight) continue;
    const int64_t begin = row * batch.block_size, end = begin + batch.block_size;
    part.tokens.insert(part.tokens.end(), batch.tokens.begin() + begin, batch.tokens.begin() + end);
    part.targets.insert(part.targets.end(), batch.targets.begin() + begin, batch.targets.begin() + end);
    ++part.rows;
  }
  return part;
}

/// Copies values to a tensor of this name and shape that stays at its address, unless it is too small.
template <class T>
void upload_to(Tensor& place, Device& device, const std::vector<T>& values, const Shape& shape,
               const char* name) {
  if (!place.defined() || place.storage()->bytes < values.size() * sizeof(T)) {
    const MemUseScope use(MemUse::data);
    place = Tensor::empty(device, dtype_of<T>, shape);
    place.set_name(name);
  }
  place = Tensor::over(place.storage(), dtype_of<T>, shape);
  place.upload(values.data());
}

/// The number of values of a tensor that are NaN or infinite.
int64_t count_bad(const Tensor& t) {
  if (!t.defined() || !is_float(t.dtype())) return 0;
  int64_t bad = 0;
  for (const double v : t.doubles()) bad += std::isfinite(v) ? 0 : 1;
  return bad;
}

constexpr const char* no_bad_node =
    "none: all values are finite, but the global norm of the gradients is not";

/// Records the first node whose value or incoming gradient is not finite.
class BadNodeFinder final : public ValueObserver {
 public:
  const std::string& found() const { return found_; }

 private:
  void look(const Node& node, const std::string& what, const Tensor& t) override {
    if (!found_.empty()) return;
    if (const int64_t bad = count_bad(t); bad > 0)
      found_ = place_of(node) + ", " + what + ": " + std::to_string(bad) + " of " +
               std::to_string(t.numel()) + " elements are not finite";
  }
  std::string found_;
};

/// The number of groups of micro-steps that a rank computes.
int64_t groups_per_rank(int64_t groups, const Ranks* ranks) {
  if (!ranks) return groups;
  require(groups % ranks->size() == 0, "the gradients of ", groups,
          " groups of micro-steps cannot be divided among ", ranks->size(),
          " ranks; expected a multiple of that for grad_shards");
  return groups / ranks->size();
}

}  // namespace

Trainer::Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule,
                 uint64_t seed, int64_t groups, Ranks* ranks)
    : model_(model),
      ranks_(ranks && !ranks->alone() ? ranks : nullptr),
      optimizer_(model.parameters(), optimizer, ranks_),
      schedule_(schedule),
      groups_(model.parameters(), groups_per_rank(groups, ranks_)),
      results_(executor(model.device())),
      graphs_(executor(model.device())) {
  if (ranks_) route_.emplace(*ranks_, executor(model.device()));
  if (ranks_) exchange_.emplace(model.parameters(), groups_, *ranks_);
  step_.state.seed = seed;
  const MemUseScope use(MemUse::optimizer);
  on_device_ = Tensor::zeros(model.device(), DType::u8, {static_cast<int64_t>(sizeof(StepOnDevice))});
  state_ = on_device_.sliced(0, offsetof(StepOnDevice, state), sizeof(StepState));
}

Trainer::Trainer(Model& model, const TrainConfig& config, Ranks* ranks)
    : Trainer(model, config.optimizer, config.schedule, config.seed, config.grad_shards, ranks) {
  recompute_ = config.recompute;
  preference_ = config.preference;
  check_interval_ = config.check_interval;
}

void Trainer::set_steps_done(int64_t steps) {
  step_.state.step = steps;
  if (steps > 0) optimizer_.round_again(step_.state);
}

// Gradients are those of the mean loss over all targets (or pairs) of all micro-batches, weighted by row: each
// micro-batch's loss is weighted by its share of them. A micro-batch without targets has no gradient and is skipped.
Trainer::Parts Trainer::parts_of(std::span<const Batch> micro_batches) const {
  const int64_t n = std::ssize(micro_batches), groups = groups_.count();
  require(n % groups == 0, n, " micro-batches cannot be divided into ", groups, " groups of gradients");
  Parts parts;
  parts.list.resize(static_cast<size_t>(groups));
  std::vector<double> counted;  // of each micro-step, also of those without targets
  const auto add = [&](std::vector<Part>& group, const Batch& batch, double weight) {
    const double terms = weight * static_cast<double>(batch.term_count());
    if (terms > 0) group.push_back({.batch = &batch, .micro_step = std::ssize(counted), .share = terms});
    counted.push_back(terms);
  };
  for (int64_t i = 0; i < n; ++i) {
    const Batch& batch = micro_batches[static_cast<size_t>(i)];
    std::vector<Part>& group = parts.list[static_cast<size_t>(i / (n / groups))];
    parts.targets += batch.target_count();
    if (batch.row_weights.empty()) {
      add(group, batch, 1);
      continue;
    }
    require(std::ssize(batch.row_weights) == batch.rows, batch.row_weights.size(), " weights for ",
            batch.rows, " rows; expected one for each");
    for (const double weight : std::set<double>(batch.row_weights.begin(), batch.row_weights.end()))
      add(group, parts.cut.emplace_back(rows_of_weight(batch, weight)), weight);
  }
  share_out(parts, std::move(counted));
  return parts;
}

/// Turns the terms of each micro-step into its share of all, and numbers micro-steps over all ranks. The ranks before
/// this one have the first ones.
void Trainer::share_out(Parts& parts, std::vector<double> counted) const {
  int64_t before = 0;
  double all = 0;
  if (ranks_) {
    counted.push_back(static_cast<double>(parts.targets));
    parts.targets = 0;
    int rank = 0;
    for (const std::vector<double>& theirs : ranks_->gather(counted)) {
      for (size_t i = 0; i + 1 < theirs.size(); ++i) all += theirs[i];
      parts.targets += static_cast<int64_t>(theirs.back());
      if (rank++ < ranks_->rank()) before += std::ssize(theirs) - 1;
    }
  } else {
    for (const double terms : counted) all += terms;
  }
  for (std::vector<Part>& group : parts.list)
    for (Part& part : group) part.share /= all, part.micro_step += before;
}

/// Copies a micro-batch to its place on the device, with the host's part of `StepOnDevice`.
MicroStep Trainer::upload(const Part& part) {
  const Batch& batch = *part.batch;
  check_batch(model_, batch);
  const Shape shape{batch.rows, batch.block_size};
  const auto n = static_cast<size_t>(shape.numel());
  require(batch.tokens.size() == n && batch.targets.size() == n, batch.tokens.size(), " tokens and ",
          batch.targets.size(), " targets were given for a batch of shape ", shape);
  require(batch.reference.empty() || (batch.rows % 2 == 0 && std::ssize(batch.reference) == batch.rows),
          batch.reference.size(), " reference values for ", batch.rows,
          " rows; expected one for each, in pairs");
  upload_to(tokens_, model_.device(), batch.tokens, shape, "tokens");
  upload_to(targets_, model_.device(), batch.targets, shape, "targets");
  if (batch.reference.empty())
    reference_ = {};
  else if (model_.parameters().dtype() == DType::f64)
    upload_to(reference_, model_.device(), batch.reference, {batch.rows}, "reference");
  else  // what such a model computed
    upload_to(reference_, model_.device(), std::vector<float>(batch.reference.begin(), batch.reference.end()),
              {batch.rows}, "reference");
  step_.state.micro_step = part.micro_step;
  step_.share = part.share;
  model_.device().upload(there(), &step_, StepOnDevice::given);
  return {.shape = shape,
          .tokens = tokens_.data(),
          .targets = targets_.data(),
          .reference = reference_.defined() ? reference_.data() : nullptr};
}

/// The loss of the micro-batch on the device.
Tensor Trainer::loss() {
  const ForwardOptions options{.step_state = state_, .recompute = recompute_};
  if (!reference_.defined()) return model_.loss(tokens_, targets_, options);
  return preference_loss(row_log_probabilities(model_, tokens_, targets_, options), reference_, preference_);
}

/// Runs the forward and backward pass of the micro-batch on the device.
void Trainer::forward_backward(const MicroStep& step, TapeObserver* observer) {
  if (step.sets) model_.parameters().clear_grads();
  Tape tape;
  tape.observe(observer);
  const Tensor value = loss(), gradient = value.like();
  run(model_.device(), StepLoss{.dtype = value.dtype(),
                                .loss = value.data(),
                                .share = &there()->share,
                                .state = &there()->state,
                                .gradient = gradient.data(),
                                .sum = step.loss,
                                .to_sum = step.to_loss});
  tape.backward(value, gradient, {.last_micro_step = step.updates});
}

/// Calls `body` for each micro-batch, once it is on the device. The gradients of a group without any are zero.
void Trainer::each_micro_step(const Parts& parts,
                              const std::function<void(const MicroStep&, int64_t group)>& body) {
  int64_t turn = 0;
  if (ranks_) make_room_for_losses(parts);
  for (int64_t group = 0; group < groups_.count(); ++group) {
    const std::vector<Part>& list = parts.list[static_cast<size_t>(group)];
    groups_.begin(group);
    for (const Part& part : list) {
      MicroStep step = upload(part);
      step.sets = &part == &list.front();
      step.ends = &part == &list.back();
      step.updates = step.ends && group + 1 == groups_.count();
      step.slab = GradientGroups::slab_of(group);
      step.loss = ranks_ ? static_cast<double*>(losses_.data()) + turn : &there()->loss;
      step.to_loss = ranks_ || turn == 0 ? Write::set : Write::add;
      ++turn;
      body(step, group);
    }
    if (!list.empty()) continue;
    model_.parameters().clear_grads();
    end_group(group);
  }
}

/// Completes the gradient of a group; that of the last one is then the sum of all, over the ranks too.
void Trainer::end_group(int64_t group) {
  if (exchange_ && group + 1 == groups_.count())
    exchange_->finish();
  else
    groups_.end(group);
}

/// With several ranks, every micro-step has a place for its loss: they are added in the order of all micro-steps.
void Trainer::make_room_for_losses(const Parts& parts) {
  int64_t n = 0;
  for (const std::vector<Part>& group : parts.list) n += std::ssize(group);
  if (losses_.defined() && losses_.numel() == n) return;  // graphs know where they are
  const MemUseScope use(MemUse::optimizer);
  losses_ = Tensor::empty(model_.device(), DType::f64, {n});
}

void Trainer::update() {
  if (ranks_) {
    ranks_->settle();  // a device that waits for a rank that has ended would wait for ever
    // Now, since the update replaces what may have gone bad since the last one.
    if (check_interval_ > 0 && (steps_done() + 1) % check_interval_ == 0)
      require_same_parameters(model_.parameters(), *ranks_, steps_done(), optimizer_.config().shard);
    double loss = 0;
    const bool runs = executor(model_.device()).runs();  // a planned step has no losses
    const auto mine =
        runs ? losses_.values<double>() : std::vector<double>(static_cast<size_t>(losses_.numel()));
    for (const std::vector<double>& theirs : ranks_->gather(mine))
      for (const double part : theirs) loss += part;
    model_.device().upload(there(), &step_, StepOnDevice::given);  // its micro-steps may have had no targets
    model_.device().upload(&there()->loss, &loss, sizeof loss);
  }
  optimizer_.step(state_, &there()->loss);
}

void Trainer::queue(std::span<const Batch> micro_batches) {
  const Parts parts = parts_of(micro_batches);
  const StepResult begun{.step = steps_done(),
                         .learning_rate = learning_rate_at(schedule_, steps_done()),
                         .tokens = parts.targets};
  require(begun.tokens > 0, "step ", begun.step, ": the batch has no target that counts");
  step_.state.learning_rate = begun.learning_rate;
  if (executor(model_.device()).gpu())
    for (Parameter& p : model_.parameters().all()) bf16_of(p);  // a graph does not recreate the copies
  each_micro_step(parts, [&](const MicroStep& step, int64_t group) {
    const bool exchanges = exchange_ && step.updates;
    const auto work = [&] {
      if (exchanges) exchange_->begin();
      forward_backward(step, observer_);
      if (step.ends) end_group(group);
      if (step.updates && !exchanges) update();
    };
    const int64_t before = graphs_.replays();
    // What goes through the host cannot be part of a graph: perhaps the gradients, and always what `update` exchanges.
    const bool again = exchanges && !ranks_->in_graphs() ? (work(), false) : graphs_.run(step, work);
    if (exchanges) {
      if (graphs_.replays() > before) exchange_->replayed(again);
      update();
    } else if (again && step.updates) {
      model_.parameters().updated();  // else `update` has done it
    }
  });
  if (parts.list.back().empty()) update();
  results_.push(begun, there());
  ++step_.state.step;
}

StepResult Trainer::read() {
  const StepResult result = results_.take([&] {
    if (ranks_) ranks_->check();
  });
  if (result.finite) return result;
  while (results_.size() > 0) results_.take();
  step_.state.step = result.step;
  const int64_t none = 0;
  model_.device().upload(&there()->state.non_finite, &none, sizeof none);
  return result;
}

StepResult Trainer::step(std::span<const Batch> micro_batches) {
  require(queued() == 0, "cannot do a step while ", queued(), " are queued; read their results first");
  queue(micro_batches);
  return read();
}

int64_t Trainer::most_queued() const {
  return executor(model_.device()).gpu() ? static_cast<int64_t>(StepResults::most) : 1;
}

void Trainer::watch(std::span<const Batch> micro_batches, TapeObserver& observer) {
  each_micro_step(parts_of(micro_batches), [&](const MicroStep& step, int64_t group) {
    forward_backward(step, &observer);
    if (step.ends) end_group(group);
  });
  optimizer_.gather_gradients();
}

std::string Trainer::bad_parameter() {
  optimizer_.gather_values();
  for (const Parameter& p : model_.parameters().all())
    if (const int64_t bad = count_bad(p.value); bad > 0)
      return p.name + ": " + std::to_string(bad) + " of " + std::to_string(p.value.numel()) +
             " values are not finite";
  return {};
}

std::string Trainer::first_bad_node(std::span<const Batch> micro_batches) {
  if (const std::string bad = bad_parameter(); !bad.empty()) return "parameter " + bad;
  BadNodeFinder finder;
  int64_t micro_step = -1;  // in which it was found
  each_micro_step(parts_of(micro_batches), [&](const MicroStep& step, int64_t group) {
    forward_backward(step, &finder);
    if (micro_step < 0 && !finder.found().empty()) micro_step = step_.state.micro_step;
    if (step.ends) end_group(group);
  });
  if (!ranks_) return finder.found().empty() ? no_bad_node : finder.found();
  int rank = 0;
  for (const std::string& found : ranks_->gather(
           finder.found().empty() ? "" : join(", micro-step ", micro_step, ": ", finder.found()))) {
    if (!found.empty()) return join("rank ", rank, found);
    ++rank;
  }
  return no_bad_node;
}

}  // namespace hewn
