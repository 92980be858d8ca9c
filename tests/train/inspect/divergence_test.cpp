// Where two trainers part: parameters, nodes of the tape, or nowhere.

#include "train/inspect/divergence.h"

#include "tests/support/gpu.h"
#include "tests/train/tiny.h"

namespace hewn {

TEST_CASE("divergence: equal trainers agree, others part at a parameter or a node", "[trainer]") {
  test::Random random("divergence");
  const ModelConfig config = test::tiny_model();
  const Batch batch = test::random_batch(random, config, 2);
  const auto first = make_model(config, cpu(), DType::f32, 7),
             second = make_model(config, cpu(), DType::f32, 7);
  Trainer reference(*first, OptimizerConfig{}, ScheduleConfig{}, 1),
      other(*second, OptimizerConfig{}, ScheduleConfig{}, 1);
  const auto parting = [&] { return first_divergence(reference, other, std::span(&batch, 1), 1e-3); };
  CHECK(parting() == "");
  other.recompute(true);  // its tape has blocks in place of their nodes
  CHECK(parting() == "recompute, values: the other device executed a different node");
  other.recompute(false);
  const Parameter& last = second->parameters().all().back();
  last.value.ptr<float>()[0] += 10;
  CHECK_THAT(parting(), Catch::StartsWith("parameter " + last.name + ": they differ by") &&
                            Catch::EndsWith("the tolerance is 0.001"));
}

TEST_CASE("divergence: the first node with other values is named, in every precision", "[trainer]") {
  test::Random random("diverging nodes");
  const ModelConfig config = test::tiny_model();
  ModelConfig smoothed = config;
  smoothed.norm_eps = 0.5;
  const Batch batch = test::random_batch(random, config, 2);
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    INFO(name_of(dtype));
    const auto first = make_model(config, cpu(), dtype, 7), same = make_model(config, cpu(), dtype, 7),
               other = make_model(smoothed, cpu(), dtype, 7);
    Trainer reference(*first, OptimizerConfig{}, ScheduleConfig{}, 1),
        equal(*same, OptimizerConfig{}, ScheduleConfig{}, 1),
        diverging(*other, OptimizerConfig{}, ScheduleConfig{}, 1);
    CHECK(first_divergence(reference, equal, std::span(&batch, 1), node_tolerance(dtype)) == "");
    CHECK_THAT(first_divergence(reference, diverging, std::span(&batch, 1), node_tolerance(dtype)),
               Catch::StartsWith("h.0.ln_1 layernorm, values: they differ by"));
    CHECK(loss_tolerance(dtype) < node_tolerance(dtype));
  }
}

TEST_CASE("divergence: a cast is no node that the other device must have", "[trainer][gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  test::Random random("casts");
  ModelConfig config = test::tiny_model();
  config.attention = AttentionForm::per_head;  // computes in float32, while a GPU's activations are in bf16
  const Batch batch = test::random_batch(random, config, 2);
  const auto here = make_model(config, cpu(), DType::bf16, 7),
             there = make_model(config, *gpu, DType::bf16, 7);
  Trainer reference(*here, OptimizerConfig{}, ScheduleConfig{}, 1),
      other(*there, OptimizerConfig{}, ScheduleConfig{}, 1);
  CHECK(first_divergence(reference, other, std::span(&batch, 1), node_tolerance(DType::bf16)) == "");
}

TEST_CASE("divergence: a gradient that only the other trainer computes is named", "[trainer]") {
  test::Random random("further nodes");
  const ModelConfig config = test::tiny_model();
  const Batch batch = test::random_batch(random, config, 2);
  const auto trained = [&](bool positions) {
    auto model = declare_model(config);
    model->parameters().find("transformer.wpe.weight")->trains = positions;
    model->parameters().allocate(cpu(), DType::f32, 7);
    return model;
  };
  const auto fewer = trained(false), all = trained(true);
  Trainer reference(*fewer, OptimizerConfig{}, ScheduleConfig{}, 1),
      other(*all, OptimizerConfig{}, ScheduleConfig{}, 1);
  CHECK(first_divergence(reference, other, std::span(&batch, 1), 1e-3) ==
        "embed embedding, gradient of input 1: the other device executed a different node");
}

}  // namespace hewn
