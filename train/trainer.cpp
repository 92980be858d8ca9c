#include "train/trainer.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "kernels/contract.h"
#include "kernels/embedding/op.h"

namespace hewn {
namespace {

int64_t count_targets(std::span<const Batch> batches) {
  int64_t n = 0;
  for (const Batch& b : batches) n += b.target_count();
  return n;
}

/// How many values of a tensor are NaN or infinite.
int64_t count_bad(const Tensor& t) {
  if (!t.defined() || !is_float(t.dtype())) return 0;
  int64_t bad = 0;
  for (const double v : t.doubles()) bad += std::isfinite(v) ? 0 : 1;
  return bad;
}

/// Remembers the first node that made a value, or received a gradient, that is no finite number.
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
    : model_(model), optimizer_(model.parameters(), optimizer), schedule_(schedule) {
  state_.seed = seed;
  const MemUseScope use(MemUse::optimizer);
  device_state_ = Tensor::zeros(model.device(), DType::u8, {static_cast<int64_t>(sizeof(StepState))});
}

void Trainer::set_steps_done(int64_t steps) {
  state_.step = steps;
  if (steps > 0) optimizer_.round_again(state_);
}

void Trainer::upload_state() { device_state_.upload(&state_); }

/// Gradients of the mean loss over all targets of all micro-batches; returns that loss (0 on meta).
double Trainer::accumulate(std::span<const Batch> micro_batches, TapeObserver* observer) {
  const bool runs = executor(model_.device()).runs();
  const int64_t targets = count_targets(micro_batches);
  double sum = 0;
  for (size_t m = 0; m < micro_batches.size(); ++m) {
    const Batch& batch = micro_batches[m];
    const double share = static_cast<double>(batch.target_count()) / static_cast<double>(targets);
    if (share == 0) continue;
    check_batch(model_, batch);
    state_.micro_step = static_cast<int64_t>(m);
    upload_state();
    Tape tape;
    tape.observe(observer);
    const Tensor loss =
        model_.loss(batch_tensor(model_.device(), batch, batch.tokens),
                    batch_tensor(model_.device(), batch, batch.targets), {.step_state = device_state_});
    if (runs) sum += share * loss.item();
    tape.backward(loss, {.last_micro_step = m + 1 == micro_batches.size()}, share);
  }
  return sum;
}

StepResult Trainer::step(std::span<const Batch> micro_batches) {
  StepResult result{.step = state_.step,
                    .learning_rate = learning_rate_at(schedule_, state_.step),
                    .tokens = count_targets(micro_batches)};
  require(result.tokens > 0, "step ", state_.step, ": no target of the batch counts");
  state_.learning_rate = result.learning_rate;
  model_.parameters().clear_grads();
  result.loss = accumulate(micro_batches, nullptr);
  if (!std::isfinite(result.loss)) {  // the gradients may be finite even so, but mean nothing
    result.grad_norm = std::numeric_limits<double>::quiet_NaN();
    result.finite = false;
    return result;
  }
  model_.parameters().complete_grads();
  optimizer_.step(device_state_);
  if (executor(model_.device()).runs()) {
    StepState after;
    model_.device().download(&after, device_state_.data(), sizeof after);
    result.grad_norm = after.grad_norm;
    result.finite = after.non_finite == 0;
  }
  if (result.finite) ++state_.step;
  return result;
}

void Trainer::watch(std::span<const Batch> micro_batches, TapeObserver& observer) {
  model_.parameters().clear_grads();
  accumulate(micro_batches, &observer);
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
  return finder.found().empty() ? "no single value, but the norm of all gradients together is not finite"
                                : finder.found();
}

}  // namespace hewn
