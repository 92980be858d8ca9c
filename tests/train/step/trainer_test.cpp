// One training step: accumulation, and what is refused.

#include <cmath>
#include <limits>
#include <set>

#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/train/tiny.h"
#include "train/data/batch_tensors.h"

namespace hewn {
namespace {

constexpr ScheduleConfig constant_rate{
    .kind = ScheduleKind::constant, .learning_rate = 0.1, .warmup_iters = 0};

/// Rows [begin, end) of a batch.
Batch rows_of(const Batch& batch, int64_t begin, int64_t end) {
  const auto cut = [&](const std::vector<int32_t>& values) {
    return std::vector<int32_t>(values.begin() + begin * batch.block_size,
                                values.begin() + end * batch.block_size);
  };
  return {.rows = end - begin,
          .block_size = batch.block_size,
          .tokens = cut(batch.tokens),
          .targets = cut(batch.targets)};
}

std::vector<double> values_of(Model& model) {
  std::vector<double> all;
  for (const Parameter& p : model.parameters().all())
    for (const double v : p.value.doubles()) all.push_back(v);
  return all;
}

}  // namespace

TEST_CASE("micro-batches of any sizes add up to the batch of all their rows", "[trainer]") {
  test::Random random("accumulation");
  const ModelConfig config = test::tiny_model();
  for (int repeat = 0; repeat < test::repeats(3, 30); ++repeat) {
    const int64_t rows = random.integer(3, 9);
    const Batch whole = test::random_batch(random, config, rows);
    std::vector<Batch> parts;
    for (int64_t begin = 0; begin < rows;) {
      const int64_t end = random.integer(begin + 1, rows);
      parts.push_back(rows_of(whole, begin, end));
      begin = end;
    }
    Batch nothing = test::random_batch(random, config, 2);
    for (int32_t& target : nothing.targets) target = ignored_target;
    parts.insert(parts.begin() + random.integer(0, static_cast<int64_t>(parts.size())), nothing);

    const OptimizerConfig sgd{.kind = OptimizerKind::sgd, .grad_clip = 0};
    const auto one = make_model(config, cpu(), DType::f64, 7),
               many = make_model(config, cpu(), DType::f64, 7);
    Trainer all_at_once(*one, sgd, constant_rate, 1), in_parts(*many, sgd, constant_rate, 1);
    for (int step = 0; step < 3; ++step) {
      const StepResult a = all_at_once.step(whole), b = in_parts.step(parts);
      CHECK(std::abs(a.loss - b.loss) < 1e-12);
      CHECK(std::abs(a.grad_norm - b.grad_norm) < 1e-12);
      CHECK(a.tokens == b.tokens);
      CHECK(b.step == step);
    }
    CHECK(test::close_by_norm(values_of(*many), values_of(*one), 1e-12));
  }
}

TEST_CASE("rows of different weights add up to their weighted mean, in batches of any lengths", "[trainer]") {
  test::Random random("weights");
  const ModelConfig config = test::tiny_model();
  const OptimizerConfig sgd{.kind = OptimizerKind::sgd, .grad_clip = 0};
  const auto one = make_model(config, cpu(), DType::f64, 7), many = make_model(config, cpu(), DType::f64, 7);
  Trainer weighted(*one, sgd, constant_rate, 1), repeated(*many, sgd, constant_rate, 1);
  for (int step = 0; step < 3; ++step) {
    // Rows of weight 1 and 3, in two batches of other lengths, are the same as rows once and three times.
    std::vector<Batch> batches, copies;
    for (const int64_t T : {3 + step, 8 - step}) {
      ModelConfig shorter = config;
      shorter.block_size = T;
      Batch batch = test::random_batch(random, shorter, 4);
      for (int64_t row = 0; row < batch.rows; ++row) {
        batch.row_weights.push_back(row % 2 == 0 ? 1 : 3);
        for (int copy = 0; copy < (row % 2 == 0 ? 1 : 3); ++copy)
          copies.push_back(rows_of(batch, row, row + 1));
      }
      batches.push_back(batch);
    }
    const StepResult a = weighted.step(batches), b = repeated.step(copies);
    CHECK(std::abs(a.loss - b.loss) < 1e-12);
    CHECK(std::abs(a.grad_norm - b.grad_norm) < 1e-12);
  }
  CHECK(test::close_by_norm(values_of(*one), values_of(*many), 1e-12));
  Batch wrong = test::random_batch(random, config, 3);
  wrong.row_weights = {1, 2};
  CHECK_ERROR(weighted.step(wrong), ErrorCode::usage, "2 weights for 3 rows");
}

TEST_CASE("a batch without targets is refused", "[trainer]") {
  test::Random random("no targets");
  const auto model = make_model(test::tiny_model(), cpu());
  Trainer trainer(*model, {}, constant_rate, 1);
  Batch batch = test::random_batch(random, model->config(), 2);
  for (int32_t& target : batch.targets) target = ignored_target;
  CHECK_ERROR(trainer.step(batch), ErrorCode::usage, "no target");
  batch.targets[3] = 1;
  CHECK(trainer.step(batch).tokens == 1);
  trainer.queue(std::span(&batch, 1));
  CHECK_ERROR(trainer.step(batch), ErrorCode::usage, "cannot run a step while 1 are queued");
}

TEST_CASE("micro-batches that cannot be divided into groups, and pairs without references, are refused",
          "[trainer]") {
  test::Random random("refused");
  const auto model = make_model(test::tiny_model(), cpu());
  Trainer trainer(*model, {}, constant_rate, 1, 2);
  std::vector<Batch> batches(3, test::random_batch(random, model->config(), 3));
  CHECK_ERROR(trainer.step(batches), ErrorCode::usage,
              "3 micro-batches cannot be divided into 2 groups of gradients");
  batches.pop_back();
  for (const size_t n : {size_t{3}, size_t{2}}) {  // of an odd number of rows, and fewer than rows
    batches[0].reference.assign(n, 0);
    CHECK_ERROR(trainer.step(batches), ErrorCode::usage, join(n, " reference values for 3 rows"));
  }
  batches[0] = test::random_batch(random, model->config(), 4);
  batches[0].reference.assign(3, 0);
  CHECK_ERROR(trainer.step(batches), ErrorCode::usage, "3 reference values for 4 rows");
  batches[0].reference.assign(4, 0);
  CHECK_ERROR(trainer.step(batches), ErrorCode::usage, "give the trainer the loss of preferences");
}

TEST_CASE("what a step reads has names, also once it was moved to make room", "[trainer]") {
  struct Names final : TapeObserver {
    std::multiset<std::string> read;
    void reads(const Node&, std::span<const Tensor> inputs) override {
      for (const Tensor& t : inputs)
        if (t.defined() && t.dtype() == DType::i32 && t.storage()->name) read.insert(t.storage()->name);
    }
  };
  test::Random random("names");
  const auto model = make_model(test::tiny_model(), cpu());
  Trainer trainer(*model, {}, constant_rate, 1);
  for (const int64_t rows : {2, 4, 3}) {
    Names names;
    trainer.observe(&names);
    trainer.step(test::random_batch(random, model->config(), rows));
    CHECK(names.read.contains("tokens"));
    CHECK(names.read.contains("targets"));
  }
}

TEST_CASE("a GPU is given no token or target that the model does not have", "[trainer][gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  test::Random random("targets");
  const auto model = make_model(test::tiny_model(), *gpu);
  const auto outside = static_cast<int32_t>(model->config().vocab_size);
  Batch batch = test::random_batch(random, model->config(), 2);
  batch.targets[1] = ignored_target;
  CHECK_NOTHROW(check_batch(*model, batch));
  batch.targets[0] = outside;
  CHECK_ERROR(check_batch(*model, batch), ErrorCode::input, join("target ", outside));
  batch.tokens[0] = -1;
  CHECK_ERROR(check_batch(*model, batch), ErrorCode::input, "token -1");
}

TEST_CASE("recomputed blocks give the same bits", "[trainer]") {
  test::Random random("recompute");
  for (const auto form : {AttentionForm::fused, AttentionForm::batched})
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      ModelConfig config = test::tiny_model();
      config.attention = form;
      config.dropout = 0.2;
      config.tie = form == AttentionForm::fused;
      config.norm_place = form == AttentionForm::fused ? NormPlace::pre : NormPlace::post;
      const auto one = make_model(config, cpu(), dtype, 7), other = make_model(config, cpu(), dtype, 7);
      Trainer kept(*one, {}, constant_rate, 1), again(*other, {}, constant_rate, 1);
      again.recompute(true);
      int calls = 0;  // of the hooks of a leaf within a block: once a step, at its last micro-step
      other->parameters()
          .find("transformer.h.1.mlp.c_fc.weight")
          ->value.variable()
          ->hooks.push_back({.call = [&](const Tensor&) { ++calls; }, .last_micro_step_only = true});
      for (int step = 0; step < 3; ++step) {
        const std::vector<Batch> batches{test::random_batch(random, config, 3),
                                         test::random_batch(random, config, 2)};
        const StepResult a = kept.step(batches), b = again.step(batches);
        INFO(name_of(form) << " " << name_of(dtype) << ", step " << step);
        CHECK(a.loss == b.loss);
        CHECK(a.grad_norm == b.grad_norm);
        CHECK(calls == step + 1);
      }
      CHECK((test::bytes_of(kept) == test::bytes_of(again)));
    }
}

TEST_CASE("a non-finite loss stops the update, whatever the gradients", "[trainer]") {
  test::Random random("loss");
  const Batch batch = test::random_batch(random, test::tiny_model(), 2);
  const auto model = make_model(test::tiny_model(), cpu());
  Optimizer optimizer(model->parameters(), {});
  model->parameters().clear_grads();
  model->parameters().complete_grads();
  Tensor state = Tensor::zeros(cpu(), DType::u8, {sizeof(StepState)});
  const auto refused = [&](double loss) {
    optimizer.step(state, &loss);
    StepState after;
    cpu().download(&after, state.data(), sizeof after);
    return after.non_finite != 0;
  };
  CHECK_FALSE(refused(2.5));
  CHECK(refused(std::numeric_limits<double>::quiet_NaN()));
  CHECK(refused(-std::numeric_limits<double>::infinity()));
}

}  // namespace hewn
