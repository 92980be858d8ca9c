// What happens when numbers go bad, and that the first of them is named.

#include "train/inspect/bad_numbers.h"

#include <limits>

#include "tests/train/tiny.h"

namespace hewn {
namespace {

constexpr ScheduleConfig fixed_rate{.kind = ScheduleKind::constant, .learning_rate = 0.1, .warmup_iters = 0};

}  // namespace

TEST_CASE("a non-finite step changes nothing and its first bad node is reported", "[trainer]") {
  test::Random random("bad numbers");
  const Batch batch = test::random_batch(random, test::tiny_model(), 4);
  const auto good = make_model(test::tiny_model(), cpu());
  Trainer undisturbed(*good, {}, fixed_rate, 1);
  for (int step = 0; step < 2; ++step) undisturbed.step(batch);
  for (const Parameter& p : good->parameters().all()) {
    const auto model = make_model(test::tiny_model(), cpu());
    Trainer trainer(*model, {}, fixed_rate, 1);
    REQUIRE(trainer.step(batch).finite);
    CHECK(bad_parameter(trainer).empty());
    Tensor& value = model->parameters().find(p.name)->value;
    const Tensor kept = value.clone();
    const bool nan = random.integer(0, 1) == 0;
    for (int64_t i = 0; i < value.numel(); ++i)  // all: a single row of an embedding may not be looked up
      value.ptr<float>()[i] =
          nan ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
    const std::string before = test::bytes_of(trainer);
    const StepResult result = trainer.step(batch);
    INFO(p.name << (nan ? " NaN" : " Inf"));
    CHECK_FALSE(result.finite);
    CHECK(result.step == 1);
    CHECK(trainer.steps_done() == 1);
    CHECK((test::bytes_of(trainer) == before));
    const std::string bad = first_bad_node(trainer, std::span(&batch, 1));
    INFO(bad);
    CHECK(bad.rfind("parameter " + p.name + ": ", 0) == 0);
    CHECK((test::bytes_of(trainer) == before));
    value.copy_from(kept);
    CHECK(trainer.step(batch).finite);
    CHECK((test::bytes_of(trainer) == test::bytes_of(undisturbed)));
  }
}

TEST_CASE("an overflow is traced to the node that overflowed", "[trainer]") {
  test::Random random("overflow");
  const Batch batch = test::random_batch(random, test::tiny_model(), 4);
  const auto model = make_model(test::tiny_model(), cpu());
  Trainer trainer(*model, {}, fixed_rate, 1);
  Tensor& weight = model->parameters().find("transformer.h.1.mlp.c_proj.weight")->value;
  for (int64_t i = 0; i < weight.numel(); ++i) weight.ptr<float>()[i] *= 3e38f;
  Tensor& bias = model->parameters().find("transformer.h.1.mlp.c_fc.bias")->value;
  for (int64_t i = 0; i < bias.numel(); ++i) bias.ptr<float>()[i] = 1e4f;
  const std::string before = test::bytes_of(trainer);
  CHECK_FALSE(trainer.step(batch).finite);
  CHECK((test::bytes_of(trainer) == before));
  const std::string bad = first_bad_node(trainer, std::span(&batch, 1));
  INFO(bad);
  CHECK(bad.find("h.1.mlp.c_proj linear") != std::string::npos);
  CHECK(bad.find("values: ") != std::string::npos);
}

TEST_CASE("a single number that is not finite is found", "[trainer]") {
  ModelConfig config = test::tiny_model();
  config.block_size = 1;
  const auto model = make_model(config, cpu());
  Trainer trainer(*model, {}, fixed_rate, 1);
  float* const position = model->parameters().find("transformer.wpe.weight")->value.ptr<float>();
  float* const tokens = model->parameters().find("transformer.wte.weight")->value.ptr<float>();
  const Batch batch{.rows = 1, .block_size = 1, .tokens = {2}, .targets = {3}};
  position[5] = tokens[2 * config.n_embd + 5] = 3e38f;  // their sum overflows
  const std::string bad = first_bad_node(trainer, std::span(&batch, 1));
  INFO(bad);
  CHECK(bad.starts_with("embed "));
  CHECK(bad.find("values: 1 of 16 elements are not finite") != bad.npos);
  position[5] = std::numeric_limits<float>::infinity();
  CHECK(bad_parameter(trainer) == "transformer.wpe.weight: 1 of 16 values are not finite");
}

}  // namespace hewn
