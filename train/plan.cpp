#include "train/plan.h"

#include <algorithm>

#include "kernels/devices/devices.h"
#include "model/gpt.h"
#include "train/data/batch_tensors.h"
#include "train/ranks/ranks.h"
#include "train/step/trainer.h"
#include "train/tasks/preference/reference.h"

namespace hewn {
namespace {

/// Collects the launches of a step.
class Collector final : public Profiler {
 public:
  Collector(Plan& plan, Profiler* watch) : plan_(plan), watch_(watch) {}
  void launching(const char* op, const void* args) override {
    if (watch_) watch_->launching(op, args);
  }
  void launched(const char* op, const char* rung, const Cost& cost) override {
    if (watch_) watch_->launched(op, rung, cost);
    PlannedKernel& kernel = plan_.kernels[op];
    ++kernel.calls;
    kernel.cost.flops += cost.flops;
    kernel.cost.bytes += cost.bytes;
    plan_.launches.push_back(cost);
  }

 private:
  Plan& plan_;
  Profiler* watch_;
};

/// Ranks that all do the same: each receives from the others the texts and numbers that it sends. Tensors have no bytes
/// on the meta device and are not delivered.
class AlikeRanks final : public Messages {
 public:
  AlikeRanks(int rank, int size) : rank_(rank), expected_(static_cast<size_t>(size)) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(expected_.size()); }
  Transfer receive(int from, Topic, std::span<std::byte> bytes) override {
    expected_[static_cast<size_t>(from)] = bytes;
    return 0;
  }
  Transfer send(int to, Topic topic, std::span<const std::byte> bytes) override {
    if (topic == Topic::gradients) gradient_bytes_ += std::ssize(bytes);
    if (topic == Topic::sizes || topic == Topic::contents)
      std::copy(bytes.begin(), bytes.end(), expected_[static_cast<size_t>(to)].begin());
    return 0;
  }
  bool done(Transfer) override { return true; }
  /// Bytes of gradients that were sent.
  int64_t gradient_bytes() const { return gradient_bytes_; }

 private:
  int rank_;
  int64_t gradient_bytes_ = 0;
  std::vector<std::span<std::byte>> expected_;  // what each rank's next message goes to
};

/// The part of the model that a parameter belongs to, from its name.
std::string part_of(const std::string& name) {
  for (const auto& [key, part] :
       {std::pair{".lora_", "adapters"}, std::pair{".attn.", "attention"}, std::pair{".mlp.", "mlp"},
        std::pair{"ln_", "norms"}, std::pair{"wpe", "positions"}, std::pair{"lm_head", "head"},
        std::pair{score_name, "head"}, std::pair{"layers.", "layers"}})
    if (name.find(key) != std::string::npos) return part;
  return "embeddings";
}

void count_parameters(const Model& model, Plan& plan) {
  std::map<std::string, int64_t> counts;
  for (const Parameter& p : model.parameters().all()) {
    const std::string part = part_of(p.name);
    if (counts[part] == 0) plan.parameters.push_back({part, 0});
    counts[part] += p.shape.numel();
  }
  for (auto& [part, n] : plan.parameters) n = counts[part];
  plan.total_parameters = model.parameters().numel();
  plan.trained_parameters = model.parameters().numel_trained();
}

Batch empty_batch(const TrainConfig& config) {
  const auto n = static_cast<size_t>(config.rows() * config.longest_row());
  return {.rows = config.rows(),
          .block_size = config.longest_row(),
          .tokens = std::vector<int32_t>(n),
          .targets = std::vector<int32_t>(n),
          .reference = std::vector<double>(config.preference.on ? static_cast<size_t>(config.rows()) : 0)};
}

void evaluate_once(Model& model, const Batch& batch) {
  const NoGrad none;
  const Tensor tokens = batch_tensor(model.device(), batch, batch.tokens);
  const Tensor targets = batch_tensor(model.device(), batch, batch.targets);
  if (batch.reference.empty())
    (void)model.loss(tokens, targets);
  else
    (void)row_log_probabilities(model, tokens, targets);
}

}  // namespace

PlanTarget target_of(const Executor& device) {
  return {.threads = device.threads(), .isa = device.isa(), .memory_bytes = device.memory_bytes()};
}

double Plan::floor_seconds(double flops_per_s, double bytes_per_s) const {
  double seconds = 0;
  for (const Cost& cost : launches) seconds += std::max(cost.flops / flops_per_s, cost.bytes / bytes_per_s);
  return seconds;
}

Plan make_plan(const TrainConfig& config, const PlanTarget& target, Profiler* watch) {
  config.check();
  Plan plan;
  if (declare_model(config.model)->counted()) return plan;
  const auto device = make_meta(target.threads, target.isa, target.memory_bytes);
  device->pool().count_tags(true);
  const auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  count_parameters(*model, plan);
  AlikeRanks messages(target.rank, target.ranks);
  Ranks ranks(messages, config.bucket_mb << 20);
  Trainer trainer(*model, config, &ranks);
  const std::vector<Batch> batches(static_cast<size_t>(config.gradient_accumulation_steps / target.ranks),
                                   empty_batch(config));
  if (config.preference.on) trainer.minimise(preference_loss(config.preference));
  const Scope scope("train");
  // Evaluations come between steps: the second step finds other free blocks than the first, as in a training run.
  evaluate_once(*model, batches[0]);
  trainer.step(batches);
  evaluate_once(*model, batches[0]);
  const int64_t sent_before = ranks.traffic().bytes_sent, gradients_before = messages.gradient_bytes();
  Collector collector(plan, watch);
  device->profile(&collector);
  const StepResult step = trainer.step(batches);
  device->profile(nullptr);
  plan.bytes_sent = ranks.traffic().bytes_sent - sent_before;
  plan.gradient_bytes_sent = messages.gradient_bytes() - gradients_before;
  double flops = 0;
  for (const Cost& cost : plan.launches) flops += cost.flops;
  plan.flops_per_token = flops * target.ranks / static_cast<double>(step.tokens);
  plan.memory = device->pool().stats();
  plan.by_tag = device->pool().by_tag();
  return plan;
}

size_t cache_bytes(const TrainConfig& config, const PlanTarget& target, KvFormat kv) {
  const auto device = make_meta(target.threads, target.isa, target.memory_bytes);
  const auto model = make_model(config.model, *device, config.dtype, config.seed, false);
  const size_t before = device->pool().stats().live;
  const auto cache = model->make_cache(1, config.model.block_size, kv);
  if (auto* const keys = dynamic_cast<KvCache*>(cache.get()); keys && keys->in_pages())
    keys->make_room(config.model.block_size);
  return device->pool().stats().live - before;
}

// Memory grows by about the same number of bytes with every row, so the largest size is near the one that follows from
// two known sizes. Planning a large batch takes as long as filling it, and a search by halves would plan many.
int64_t largest_batch(TrainConfig config, const PlanTarget& target, size_t bytes) {
  const auto peak = [&](int64_t batch_size) {
    config.batch_size = batch_size;
    return static_cast<double>(make_plan(config, target).memory.peak_reserved);
  };
  constexpr int64_t most = int64_t{1} << 20;  // that a configuration accepts
  const auto limit = static_cast<double>(bytes);
  int64_t low = 1, high = most + 1;  // fits, does not fit
  double low_peak = peak(low), per_row = low_peak;
  if (low_peak > limit) return 0;
  for (int64_t step = 1; high - low > step; step = std::max<int64_t>(1, low / 64)) {
    const double rows = std::min((limit - low_peak) / per_row, static_cast<double>(most));
    const int64_t farthest = std::min(high > most ? most : high - step, 64 * low);
    const int64_t next =
        std::clamp(low + static_cast<int64_t>(rows), low + step, std::max(low + step, farthest));
    const double next_peak = peak(next);
    per_row = std::max(1.0, (next_peak - low_peak) / static_cast<double>(next - low));
    if (next_peak <= limit)
      low = next, low_peak = next_peak;
    else
      high = next;
  }
  return low;
}

}  // namespace hewn
