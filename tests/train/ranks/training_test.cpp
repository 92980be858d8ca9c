// Training with several ranks: the bits of one process.

#include <algorithm>
#include <cmath>

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/inspect/grad_norms.h"

namespace hewn::test {
namespace {

constexpr int64_t micro_steps = 8;

struct RanksVariant {
  const char* name;
  ModelConfig model = tiny_model();
  DType dtype = DType::f32;
  OptimizerConfig optimizer = {};
  std::vector<int64_t> empty = {};  ///< micro-steps without targets
  WhatTrains training = {};
  bool recompute = false;
  bool pairs = false;  ///< whether the rows are pairs of answers
};

/// Its gradients have more buckets than may be under way, if each has a block of the norm for each of up to 4 ranks.
ModelConfig many_buckets() {
  ModelConfig config = tiny_model();
  config.n_layer = 3;
  config.n_embd = 128;
  return config;
}

std::vector<RanksVariant> variants() {
  std::vector<RanksVariant> all{
      {"tied, dropout, clipped"}, {"sgd"},        {"f64"},      {"bf16"}, {"untied"}, {"rounded"},
      {"no last backward pass"},  {"recomputed"}, {"adapters"}, {"pairs"}};
  all[0].model.dropout = 0.2;
  all[0].optimizer.grad_clip = 0.1;
  all[1].optimizer.kind = OptimizerKind::sgd;
  all[2].dtype = DType::f64;
  all[3].dtype = all[5].dtype = DType::bf16;
  all[3].model.n_embd = 128;  // more than a slice for every rank
  all[4].model.tie = false;
  all[4].model.n_embd = 128;
  all[4].empty = {0, 1, 2, 3, 6};  // all of the first of two ranks
  all[5].optimizer.stochastic_rounding = true;
  all[6].model = all[7].model = many_buckets();
  all[6].empty = {6, 7};  // of the last of four ranks, and the last group of two
  all[7].recompute = true;
  all[7].model.dropout = 0.2;
  all[8].training.what = "lora";
  all[9].pairs = true;
  for (size_t i = 0, n = all.size(); i < n; ++i) {
    all.push_back(all[i]);
    all.back().optimizer.shard = false;
  }
  return all;
}

/// Micro-batch m of a step, of which some are shorter and some have rows of other weights.
Batch batch_of(const RanksVariant& variant, int64_t step, int64_t m) {
  Random random("ranks " + std::to_string(step) + " " + std::to_string(m));
  Batch batch = random_batch(random, variant.model, (1 + m % 3) * (variant.pairs ? 2 : 1));
  if (std::find(variant.empty.begin(), variant.empty.end(), m) != variant.empty.end())
    batch.targets.assign(batch.targets.size(), ignored_target);
  if (variant.pairs)
    batch.reference = random.normals<float>(batch.rows);
  else if (m % 4 == 1)
    for (int64_t row = 0; row < batch.rows; ++row)
      batch.row_weights.push_back(1 + static_cast<double>(row % 2));
  return batch;
}

struct Trained {
  std::vector<StepResult> results;
  std::string bytes;             ///< of parameters and moments
  size_t moments = 0;            ///< bytes of those of this rank
  std::vector<PartNorm> norms;   ///< of the gradients of the last step
  std::vector<PartNorm> ratios;  ///< of an update that was undone before it
};

/// Trains some steps as one of the ranks.
Trained train(const RanksVariant& variant, int64_t groups, Ranks* ranks) {
  const auto device = make_cpu(1);
  const auto model = make_model(variant.model, variant.training, *device, variant.dtype, 3);
  const ScheduleConfig steady{.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};
  Trainer trainer(*model, variant.optimizer, steady, 5, groups, ranks);
  trainer.recompute(variant.recompute);
  const int64_t size = ranks ? ranks->size() : 1, rank = ranks ? ranks->rank() : 0, mine = micro_steps / size;
  Trained trained;
  std::vector<Batch> batches;
  for (int64_t step = 0; step < 4; ++step) {
    batches.clear();
    for (int64_t m = rank * mine; m < (rank + 1) * mine; ++m) batches.push_back(batch_of(variant, step, m));
    if (step == 3) trained.ratios = update_ratios(trainer, batches);
    trained.results.push_back(trainer.step(batches));
  }
  trained.norms = grad_norms(trainer, batches);
  trained.bytes = bytes_of(trainer);
  for (const Tensor& moments : trainer.optimizer().moments_here()) trained.moments += moments.bytes();
  return trained;
}

}  // namespace

TEST_CASE("training with 1, 2, 4 and 8 ranks gives the same bits on all of them", "[ranks]") {
  for (const RanksVariant& variant : variants()) {
    const Trained alone = train(variant, micro_steps, nullptr);
    for (const int size : {1, 2, 4, 8}) {
      INFO(variant.name << ", " << size << " ranks, " << (variant.optimizer.shard ? "divided" : "whole"));
      std::vector<Trained> all(static_cast<size_t>(size));
      Mailboxes mailboxes(size, run_seed(), 0);  // buckets of the least size: a block per rank
      mailboxes.run([&](Ranks& ranks) {
        all[static_cast<size_t>(ranks.rank())] = train(variant, micro_steps, &ranks);
      });
      CHECK(mailboxes.most_gradients_expected() <= GradientExchange::most_under_way);
      size_t moments = 0;
      for (const Trained& one : all) moments += one.moments;
      CHECK(moments == alone.moments * (variant.optimizer.shard ? 1 : all.size()));
      for (const Trained& one : all) {
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
    }
  }
}

TEST_CASE("fewer ranks than groups give the same bits, too, other groups do not", "[ranks]") {
  const RanksVariant variant{"four groups"};
  const Trained alone = train(variant, 4, nullptr), other = train(variant, 8, nullptr);
  CHECK((alone.bytes != other.bytes));
  for (const int size : {2, 4})
    Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
      require(train(variant, 4, &ranks).bytes == alone.bytes, "rank ", ranks.rank(), " has other bits");
    });
  CHECK_ERROR(Mailboxes(8, 1).run([&](Ranks& ranks) { train(variant, 4, &ranks); }), ErrorCode::usage,
              "the gradients of 4 groups of micro-steps cannot be divided among 8 ranks");
}

TEST_CASE("several ranks on anything but CPUs are refused", "[ranks]") {
  CHECK_ERROR(Mailboxes(2, 1).run([](Ranks& ranks) {
    const auto device = make_meta(1, Isa::cuda);
    const auto model = make_model(tiny_model(), *device);
    Trainer(*model, {}, {}, 1, 2, &ranks);
  }),
              ErrorCode::usage, "several ranks train on CPUs, not on meta as cuda");
}

TEST_CASE("a bad number on one rank stops all of them before the update and is named", "[ranks]") {
  RanksVariant variant{"bad"};
  const int size = 4;
  Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
    const auto device = make_cpu(1);
    const auto model = make_model(variant.model, *device, DType::f32, 3);
    Trainer trainer(*model, {}, {}, 5, size, &ranks);
    std::vector<Batch> batches{batch_of(variant, 0, ranks.rank())};
    // The share of this rank's micro-step is not a number, those of the others are 0.
    batches[0].row_weights.assign(static_cast<size_t>(batches[0].rows), ranks.rank() == 2 ? INFINITY : 1);
    const std::string before = bytes_of(trainer);
    const StepResult result = trainer.step(batches);
    require(!result.finite, "rank ", ranks.rank(), " found the step finite");
    require(bytes_of(trainer) == before, "rank ", ranks.rank(), " changed something");
    const std::string bad = trainer.first_bad_node(batches);
    require(bad.find("rank 2, micro-step 2: ") == 0, "found: ", bad);
  });
}

}  // namespace hewn::test
