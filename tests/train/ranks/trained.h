#pragma once
// Runs that several ranks train together, each on a device of its own.

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/inspect/grad_norms.h"
#include "train/tasks/preference/reference.h"

namespace hewn::test {

/// What is trained.
struct RanksVariant {
  const char* name;
  ModelConfig model = tiny_model();
  DType dtype = DType::f32;
  OptimizerConfig optimizer = {};
  std::vector<int64_t> empty = {};  ///< micro-steps without targets
  WhatTrains training = {};
  bool recompute = false;
  bool pairs = false;  ///< whether the rows are pairs of answers
  int64_t micro_steps = 8, steps = 4;
};

/// Micro-batch m of a step, of which some are shorter and some have rows of other weights.
inline Batch batch_of(const RanksVariant& variant, int64_t step, int64_t m) {
  Random random("ranks " + std::to_string(step) + " " + std::to_string(m));
  Batch batch = random_batch(random, variant.model, (1 + m % 3) * (variant.pairs ? 2 : 1));
  if (std::find(variant.empty.begin(), variant.empty.end(), m) != variant.empty.end())
    batch.targets.assign(batch.targets.size(), ignored_target);
  if (variant.pairs)
    batch.reference = random.normals<double>(batch.rows);
  else if (m % 4 == 1)
    for (int64_t row = 0; row < batch.rows; ++row)
      batch.row_weights.push_back(1 + static_cast<double>(row % 2));
  return batch;
}

struct TrainedByRanks {
  std::vector<StepResult> results;
  std::string bytes;             ///< of parameters and moments
  size_t moments = 0;            ///< bytes of those of this rank
  std::vector<PartNorm> norms;   ///< of the gradients of the last step
  std::vector<PartNorm> ratios;  ///< of an update that was undone before it
};

/// Trains some steps as one of the ranks.
inline TrainedByRanks train_on(Executor& device, const RanksVariant& variant, int64_t groups, Ranks* ranks) {
  const auto model = make_model(variant.model, variant.training, device, variant.dtype, 3);
  const ScheduleConfig steady{.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};
  Trainer trainer(*model, variant.optimizer, steady, 5, groups, ranks);
  trainer.recompute(variant.recompute);
  if (variant.pairs) trainer.minimise(preference_loss(PreferenceConfig{}));
  const int64_t size = ranks ? ranks->size() : 1, rank = ranks ? ranks->rank() : 0,
                mine = variant.micro_steps / size;
  TrainedByRanks trained;
  std::vector<Batch> batches;
  for (int64_t step = 0; step < variant.steps; ++step) {
    batches.clear();
    for (int64_t m = rank * mine; m < (rank + 1) * mine; ++m) batches.push_back(batch_of(variant, step, m));
    if (step + 1 == variant.steps) trained.ratios = update_ratios(trainer, batches);
    trained.results.push_back(trainer.step(batches));
  }
  trained.norms = grad_norms(trainer, batches);
  trained.bytes = bytes_of(trainer);
  for (const Tensor& moments : trainer.optimizer().moments_here()) trained.moments += moments.bytes();
  return trained;
}

/// Trains as `size` ranks, on a device that each of them makes, and checks that all have what one process
/// has, to the last bit. Buckets have the least size, a block of the norm for each rank. Returns the bytes of
/// gradients and values that were sent as messages.
inline int64_t check_ranks(
    int size, const RanksVariant& variant, const TrainedByRanks& alone,
    const std::function<std::unique_ptr<Executor>()>& make_device,
    const std::function<void(Ranks&)>& prepare = [](Ranks&) {}) {
  INFO(variant.name << ", " << size << " ranks, " << (variant.optimizer.shard ? "divided" : "whole"));
  std::vector<TrainedByRanks> all(static_cast<size_t>(size));
  Mailboxes mailboxes(size, run_seed(), 0);
  mailboxes.run([&](Ranks& ranks) {
    const auto device = make_device();
    prepare(ranks);
    all[static_cast<size_t>(ranks.rank())] = train_on(*device, variant, variant.micro_steps, &ranks);
  });
  CHECK(mailboxes.most_gradients_expected() <= GradientExchange::most_under_way);
  size_t moments = 0;
  for (const TrainedByRanks& one : all) moments += one.moments;
  CHECK(moments == alone.moments * (variant.optimizer.shard ? 1 : all.size()));
  for (const TrainedByRanks& one : all) {
    CHECK((one.bytes == alone.bytes));
    REQUIRE(one.results.size() == alone.results.size());
    for (size_t step = 0; step < one.results.size(); ++step) {
      CHECK(one.results[step].loss == alone.results[step].loss);
      CHECK(one.results[step].grad_norm == alone.results[step].grad_norm);
      CHECK(one.results[step].tokens == alone.results[step].tokens);
      CHECK(one.results[step].finite);
    }
    REQUIRE(one.norms.size() == alone.norms.size());
    for (size_t i = 0; i < one.norms.size(); ++i) CHECK(one.norms[i].norm == alone.norms[i].norm);
    REQUIRE(one.ratios.size() == alone.ratios.size());
    for (size_t i = 0; i < one.ratios.size(); ++i) CHECK(one.ratios[i].norm == alone.ratios[i].norm);
  }
  return mailboxes.bytes_sent();
}

/// Calls `look` before the backward pass of each node of the first block, also of one that is recomputed.
class FirstBlock final : public TapeObserver {
 public:
  explicit FirstBlock(std::function<void()> look) : look_(std::move(look)) {}
  void before_backward(const Node& node, const Tensor&) override {
    if (Scope::path(node.scope).find("h.0") != std::string::npos) look_();
  }
  TapeObserver* inside(const Node&) override { return this; }

 private:
  std::function<void()> look_;
};

}  // namespace hewn::test
