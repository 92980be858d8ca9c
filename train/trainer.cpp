#include "train/trainer.h"

#include <cmath>
#include <cstddef>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/embedding/op.h"
#include "kernels/global_norm/abi.h"

namespace hewn {
namespace {

int64_t count_targets(std::span<const Batch> batches) {
  int64_t n = 0;
  for (const Batch& b : batches) n += b.target_count();
  return n;
}

/// The number of values of a tensor that are NaN or infinite.
int64_t count_bad(const Tensor& t) {
  if (!t.defined() || !is_float(t.dtype())) return 0;
  int64_t bad = 0;
  for (const double v : t.doubles()) bad += std::isfinite(v) ? 0 : 1;
  return bad;
}

/// Records the first node whose value or incoming gradient is not finite.
class BadNodeFinder final : public TapeObserver {
 public:
  void recorded(const Node& node, const Tensor& y) override { look(node, y, "values"); }
  void before_backward(const Node& node, const Tensor& dy) override {
    look(node, dy, "gradients of its output");
  }
  void after_backward(const Node& node, size_t input, const Tensor& grad) override {
    look(node, grad, "gradients of input " + std::to_string(input));
  }
  const std::string& found() const { return found_; }

 private:
  void look(const Node& node, const Tensor& t, const std::string& what) {
    if (!found_.empty()) return;
    const int64_t bad = count_bad(t);
    if (bad == 0) return;
    const std::string& scope = Scope::path(node.scope);
    found_ = (scope.empty() ? "" : scope + " ") + std::string(node.info().name) + ": " + std::to_string(bad) +
             " of " + std::to_string(t.numel()) + " " + what + " are not finite";
  }
  std::string found_;
};

}  // namespace

void check_batch(const Model& model, const Batch& batch) {
  if (!executor(model.device()).gpu()) return;
  const int64_t vocabulary = model.config().vocab_size;
  check_ids(batch.tokens, vocabulary, "token");
  for (const int32_t target : batch.targets)
    if (target != ignored_target) check_ids(std::span(&target, 1), vocabulary, "target");
}

Tensor batch_tensor(Device& device, const Batch& batch, const std::vector<int32_t>& values) {
  const MemUseScope use(MemUse::data);
  return Tensor::from(device, values, {batch.rows, batch.block_size});
}

Trainer::Trainer(Model& model, const OptimizerConfig& optimizer, const ScheduleConfig& schedule,
                 uint64_t seed)
    : model_(model),
      optimizer_(model.parameters(), optimizer),
      schedule_(schedule),
      graphs_(executor(model.device())),
      results_(executor(model.device())) {
  step_.state.seed = seed;
  const MemUseScope use(MemUse::optimizer);
  on_device_ = Tensor::zeros(model.device(), DType::u8, {static_cast<int64_t>(sizeof(StepOnDevice))});
  state_ = on_device_.sliced(0, offsetof(StepOnDevice, state), sizeof(StepState));
}

void Trainer::set_steps_done(int64_t steps) {
  step_.state.step = steps;
  if (steps > 0) optimizer_.round_again(step_.state);
}

// Gradients are those of the mean loss over all targets of all micro-batches: each micro-batch's loss is
// weighted by its share of the targets. A micro-batch without targets has no gradient and is skipped.
std::vector<Trainer::Part> Trainer::parts_of(std::span<const Batch> micro_batches) {
  const auto all = static_cast<double>(count_targets(micro_batches));
  std::vector<Part> parts;
  for (size_t m = 0; m < micro_batches.size(); ++m)
    if (const int64_t targets = micro_batches[m].target_count(); targets > 0)
      parts.push_back({.batch = &micro_batches[m],
                       .micro_step = static_cast<int64_t>(m),
                       .share = static_cast<double>(targets) / all,
                       .first = parts.empty(),
                       .last = false});
  if (!parts.empty()) parts.back().last = true;
  return parts;
}

/// Copies a micro-batch to its place on the device, with the host's part of `StepOnDevice`.
MicroStep Trainer::upload(const Part& part) {
  const Batch& batch = *part.batch;
  check_batch(model_, batch);
  const Shape shape{batch.rows, batch.block_size};
  const auto n = static_cast<size_t>(shape.numel());
  require(batch.tokens.size() == n && batch.targets.size() == n, batch.tokens.size(), " tokens and ",
          batch.targets.size(), " targets were given for a batch of shape ", shape);
  if (!tokens_.defined() || tokens_.storage()->bytes < n * sizeof(int32_t)) {
    const MemUseScope use(MemUse::data);
    tokens_ = Tensor::empty(model_.device(), DType::i32, shape);
    targets_ = tokens_.like();
  }
  tokens_ = Tensor::over(tokens_.storage(), DType::i32, shape);
  targets_ = Tensor::over(targets_.storage(), DType::i32, shape);
  tokens_.upload(batch.tokens.data());
  targets_.upload(batch.targets.data());
  step_.state.micro_step = part.micro_step;
  step_.share = part.share;
  model_.device().upload(there(), &step_, StepOnDevice::given);
  return {.first = part.first, .last = part.last, .shape = shape, .tokens = tokens_.data()};
}

/// Runs the forward and backward pass of the micro-batch on the device.
void Trainer::forward_backward(const MicroStep& step, TapeObserver* observer) {
  if (step.first) model_.parameters().clear_grads();
  Tape tape;
  tape.observe(observer);
  const Tensor loss = model_.loss(tokens_, targets_, {.step_state = state_, .recompute = recompute_});
  const Tensor gradient = loss.like();
  run(model_.device(), StepLoss{.dtype = loss.dtype(),
                                .loss = loss.data(),
                                .share = &there()->share,
                                .state = &there()->state,
                                .gradient = gradient.data(),
                                .sum = &there()->loss,
                                .to_sum = step.first ? Write::set : Write::add});
  tape.backward(loss, gradient, {.last_micro_step = step.last});
}

void Trainer::update() {
  model_.parameters().complete_grads();
  optimizer_.step(state_, &there()->loss);
}

/// The work of a micro-step, which a GPU graph replays.
void Trainer::micro_step(const MicroStep& step) {
  forward_backward(step, nullptr);
  if (step.last) update();
}

void Trainer::queue(std::span<const Batch> micro_batches) {
  const StepResult begun{.step = steps_done(),
                         .learning_rate = learning_rate_at(schedule_, steps_done()),
                         .tokens = count_targets(micro_batches)};
  require(begun.tokens > 0, "step ", begun.step, ": the batch has no target that counts");
  step_.state.learning_rate = begun.learning_rate;
  for (Parameter& p : model_.parameters().all()) bf16_of(p);  // a graph does not recreate the copies
  for (const Part& part : parts_of(micro_batches)) {
    const MicroStep step = upload(part);
    const bool replayed = graphs_.run(step, [&] { micro_step(step); });
    if (replayed && step.last) model_.parameters().updated();  // else micro_step has done it
  }
  results_.push(begun, there());
  ++step_.state.step;
}

StepResult Trainer::read() {
  const StepResult result = results_.take();
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
  for (const Part& part : parts_of(micro_batches)) forward_backward(upload(part), &observer);
}

std::string Trainer::bad_parameter() const {
  for (const Parameter& p : model_.parameters().all())
    if (const int64_t bad = count_bad(p.value); bad > 0)
      return p.name + ": " + std::to_string(bad) + " of " + std::to_string(p.value.numel()) +
             " values are not finite";
  return {};
}

std::string Trainer::first_bad_node(std::span<const Batch> micro_batches) {
  if (const std::string bad = bad_parameter(); !bad.empty()) return "parameter " + bad;
  BadNodeFinder finder;
  watch(micro_batches, finder);
  return finder.found().empty() ? "none: all values are finite, but the global norm of the gradients is not"
                                : finder.found();
}

}  // namespace hewn
