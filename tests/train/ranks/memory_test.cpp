// The memory of each of several ranks: what a plan predicts, and what the division of the moments saves.

#include "tests/support/gpu.h"
#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/data/batch_tensors.h"
#include "train/plan.h"

namespace hewn::test {
namespace {

TrainConfig configuration(DType dtype, OptimizerKind kind, bool shard) {
  TrainConfig config{.model = tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.n_embd = 160;
  config.optimizer.kind = kind;
  config.optimizer.shard = shard;
  config.optimizer.stochastic_rounding = dtype == DType::bf16;
  config.batch_size = 2;
  config.gradient_accumulation_steps = config.grad_shards = 8;
  config.dtype = dtype;
  return config;
}

/// What training has cost one of the ranks.
struct Measured {
  MemStats memory;
  int64_t bytes_sent = 0;  // in the last step
};

/// Steps as one of the ranks, with an evaluation before every other one.
Measured measured_on(Executor& device, Ranks& ranks, const TrainConfig& config) {
  ranks.set_bucket_bytes(config.bucket_mb << 20);
  const auto model = make_model(config.model, config.training, device, config.dtype, config.seed);
  Trainer trainer(*model, config, &ranks);
  Random random("memory");
  std::vector<Batch> batches;
  for (int64_t m = 0; m < config.gradient_accumulation_steps / ranks.size(); ++m)
    batches.push_back(random_batch(random, config.model, config.rows()));
  int64_t sent_before = 0;
  for (int step = 0; step < 4; ++step) {
    if (step % 2 == 0) {
      const NoGrad none;
      const Tensor tokens = batch_tensor(device, batches[0], batches[0].tokens);
      const Tensor targets = batch_tensor(device, batches[0], batches[0].targets);
      (void)model->loss(tokens, targets);
    }
    sent_before = ranks.traffic().bytes_sent;
    trainer.step(batches);
  }
  return {device.pool().stats(), ranks.traffic().bytes_sent - sent_before};
}

size_t optimizer_bytes(const Plan& plan) {
  return plan.memory.live_by_use[static_cast<int>(MemUse::optimizer)];
}

}  // namespace

TEST_CASE("a plan predicts the memory and the messages of each rank to the byte", "[ranks][plan]") {
  TrainConfig small_buckets = configuration(DType::f32, OptimizerKind::adamw, true);
  small_buckets.bucket_mb = 1;
  for (const auto& config : {small_buckets, configuration(DType::f32, OptimizerKind::adamw, true),
                             configuration(DType::f32, OptimizerKind::adamw, false),
                             configuration(DType::bf16, OptimizerKind::adamw, true),
                             configuration(DType::f64, OptimizerKind::sgd, true)}) {
    if (!in_sample()) continue;
    for (const int size : {1, 2, 4, 8}) {
      INFO(name_of(config.dtype) << ", shard " << config.optimizer.shard << ", " << size << " ranks");
      std::vector<Measured> counted(static_cast<size_t>(size));
      Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
        const auto device = make_cpu(1);
        counted[static_cast<size_t>(ranks.rank())] = measured_on(*device, ranks, config);
      });
      for (int rank = 0; rank < size; ++rank) {
        INFO("rank " << rank);
        const auto& [real, bytes_sent] = counted[static_cast<size_t>(rank)];
        const Plan plan = make_plan(config, {.threads = 1, .isa = best_isa(), .ranks = size, .rank = rank});
        CHECK(plan.bytes_sent == bytes_sent);
        CHECK(plan.memory.peak == real.peak);
        CHECK(plan.memory.peak_reserved == real.peak_reserved);
        CHECK(std::ranges::equal(plan.memory.live_by_use, real.live_by_use));
      }
    }
  }
}

TEST_CASE("each of R ranks has an R-th of the moments", "[ranks][plan]") {
  TrainConfig config = configuration(DType::f32, OptimizerKind::adamw, true);
  config.model.n_layer = 20;
  config.model.n_embd = 512;
  const auto plan_of = [&](int ranks, int rank) {
    return make_plan(config, {.threads = 1, .isa = best_isa(), .ranks = ranks, .rank = rank});
  };
  const Plan alone = plan_of(1, 0);
  for (const int size : {2, 4, 8}) {
    size_t sum = 0;
    for (int rank = 0; rank < size; ++rank) {
      const size_t bytes = optimizer_bytes(plan_of(size, rank));
      CHECK(static_cast<double>(bytes) / static_cast<double>(optimizer_bytes(alone)) ==
            Approx(1.0 / size).epsilon(0.01));
      sum += bytes;
    }
    CHECK(sum >= optimizer_bytes(alone));
    CHECK(plan_of(size, 0).flops_per_token == Approx(alone.flops_per_token).epsilon(0.01));
    config.optimizer.shard = false;
    CHECK(optimizer_bytes(plan_of(size, 1)) >= optimizer_bytes(alone));
    config.optimizer.shard = true;
  }
}

TEST_CASE("gpu: a plan predicts the memory of each of several ranks to the byte", "[gpu][ranks][plan]") {
  const int size = 2;
  for (TrainConfig config : {configuration(DType::f32, OptimizerKind::adamw, true),
                             configuration(DType::bf16, OptimizerKind::adamw, false)}) {
    INFO(name_of(config.dtype));
    config.model.n_embd = 64;
    config.gradient_accumulation_steps = config.grad_shards = size;
    std::vector<Measured> counted(static_cast<size_t>(size));
    const auto first = make_test_gpu();
    if (!first) return;
    Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
      const auto device = make_test_gpu();
      counted[static_cast<size_t>(ranks.rank())] = measured_on(*device, ranks, config);
    });
    for (int rank = 0; rank < size; ++rank) {
      INFO("rank " << rank);
      const auto& [real, bytes_sent] = counted[static_cast<size_t>(rank)];
      PlanTarget target = target_of(*first);
      target.ranks = size;
      target.rank = rank;
      const Plan plan = make_plan(config, target);
      CHECK(plan.bytes_sent == bytes_sent);
      CHECK(plan.memory.peak == real.peak);
      CHECK(plan.memory.peak_reserved == real.peak_reserved);
      CHECK(std::ranges::equal(plan.memory.live_by_use, real.live_by_use));
    }
  }
}

}  // namespace hewn::test
