#include "train/inspect/grad_norms.h"

#include <cmath>

#include "tests/support/close.h"
#include "tests/train/tiny.h"

namespace hewn::test {

TEST_CASE("update ratios: those of the next step, which is undone", "[optimizer]") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    INFO(name_of(dtype));
    ModelConfig config = tiny_model();
    config.dropout = 0.1;
    OptimizerConfig optimizer;
    optimizer.stochastic_rounding = dtype == DType::bf16;
    const auto model = make_model(config, cpu(), dtype, 5), other = make_model(config, cpu(), dtype, 5);
    Trainer trainer(*model, optimizer, {}, 1), undisturbed(*other, optimizer, {}, 1);
    Random random("update ratios");
    std::vector<Batch> batches;
    for (int i = 0; i < 4; ++i) batches.push_back(random_batch(random, config, 2));
    for (int step = 0; step < 4; ++step) {
      const Batch& batch = batches[static_cast<size_t>(step)];
      const std::string before = bytes_of(trainer);
      const std::vector<PartNorm> ratios = update_ratios(trainer, std::span(&batch, 1));
      CHECK(bytes_of(trainer) == before);
      CHECK(trainer.steps_done() == step);
      std::vector<std::vector<double>> weights;
      for (const Parameter& p : model->parameters().all()) weights.push_back(p.value.doubles());
      trainer.step(batch);
      undisturbed.step(batch);
      REQUIRE(ratios.size() == 5);
      CHECK(ratios[2].part == "h.0");
      double change = 0, size = 0;
      size_t i = 0;
      for (const Parameter& p : model->parameters().all()) {
        const std::vector<double> after = p.value.doubles();
        for (size_t k = 0; k < after.size() && part_of(p.name) == "h.0"; ++k)
          change += std::pow(after[k] - weights[i][k], 2), size += std::pow(weights[i][k], 2);
        ++i;
      }
      CHECK(near(ratios[2].norm, std::sqrt(change / size), 1e-12));
      CHECK(ratios[2].norm > 0);
    }
    CHECK(bytes_of(trainer) == bytes_of(undisturbed));
  }
}

TEST_CASE("grad norms: the part of a parameter is the first level of its name, or a block", "[optimizer]") {
  CHECK(part_of("transformer.h.3.mlp.c_fc.weight") == "h.3");
  CHECK(part_of("transformer.wte.weight") == "wte");
  CHECK(part_of("lm_head.weight") == "lm_head");
  CHECK(part_of("score") == "score");
}

TEST_CASE("grad norms: parts that keep their values are left out, weights of zero have ratio 0",
          "[optimizer]") {
  const auto model = declare_model(tiny_model());
  for (Parameter& p : model->parameters().all()) p.trains = p.name.find(".h.0.") == p.name.npos;
  model->parameters().allocate(cpu(), DType::f32, 1);
  Tensor& positions = model->parameters().find("transformer.wpe.weight")->value;
  positions.zero();
  Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{}, 1);
  Random random("grad norms");
  const Batch batch = random_batch(random, tiny_model(), 2);
  const std::vector<PartNorm> norms = grad_norms(trainer, std::span(&batch, 1)),
                              ratios = update_ratios(trainer, std::span(&batch, 1));
  const std::vector<std::string> parts{"wte", "wpe", "h.1", "ln_f"};
  REQUIRE(norms.size() == parts.size());
  REQUIRE(ratios.size() == parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    INFO(parts[i]);
    CHECK(norms[i].part == parts[i]);
    CHECK(norms[i].norm > 0);
    CHECK(ratios[i].part == parts[i]);
    CHECK((ratios[i].norm > 0) == (parts[i] != "wpe"));
  }
  CHECK(ratios[1].norm == 0);
  for (const double value : positions.doubles()) CHECK(value == 0);
}

}  // namespace hewn::test
