// Parity with float64 references: gpt2-tiny of all oracles, sizes from their own files.

#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/fixture.h"
#include "train/data/batch_tensors.h"
#include "train/hewn.h"

namespace hewn {
namespace {

struct Gpt2Fixture {
  std::filesystem::path directory;
  nlohmann::json config, expected;
  test::Fixture inputs, outputs, trained;
  explicit Gpt2Fixture(const std::filesystem::path& d)
      : directory(d),
        config(nlohmann::json::parse(test::read_file(d / "config.json"))),
        expected(nlohmann::json::parse(test::read_file(d / "expected.json"))),
        inputs(d / "inputs.safetensors"),
        outputs(d / "expected.safetensors"),
        trained(d / "trained.safetensors") {}

  std::unique_ptr<Model> model(DType dtype, AttentionForm form) const {
    ModelConfig c;
    c.vocab_size = config.at("vocab_size");
    c.block_size = config.at("n_ctx");
    c.n_layer = config.at("n_layer");
    c.n_head = config.at("n_head");
    c.n_embd = config.at("n_embd");
    c.norm_eps = config.at("layer_norm_epsilon");
    c.bias = true;
    c.attention = form;
    auto made = make_model(c, cpu(), dtype);
    load_weights((directory / "model.safetensors").string(), *made);
    return made;
  }

  Batch batch(const char* targets) const {
    const Shape& shape = inputs.shape("tokens");
    Batch b{.rows = shape[0], .block_size = shape[1], .tokens = {}, .targets = {}};
    for (const double v : inputs.values("tokens")) b.tokens.push_back(static_cast<int32_t>(v));
    for (const double v : inputs.values(targets)) b.targets.push_back(static_cast<int32_t>(v));
    return b;
  }
};

double loss_of(Model& model, const Batch& batch) {
  return model.loss(batch_tensor(cpu(), batch, batch.tokens), batch_tensor(cpu(), batch, batch.targets))
      .item();
}

void check_gradients(Model& model, const Gpt2Fixture& f, double tolerance) {
  const Batch batch = f.batch("targets");
  model.parameters().clear_grads();
  Tape tape;
  const Tensor tokens = batch_tensor(cpu(), batch, batch.tokens);
  tape.backward(model.loss(tokens, batch_tensor(cpu(), batch, batch.targets)));
  for (const Parameter& p : model.parameters().all()) {
    INFO(p.name);
    CHECK(test::close_by_norm(grad_of(p.value).doubles(), f.outputs.values("grad." + p.name), tolerance));
  }
  const NoGrad none;
  CHECK(test::close_by_norm(model.logits(tokens).doubles(), f.outputs.values("logits"), tolerance));
}

/// The fixture's AdamW steps: losses before each and after the last.
std::vector<double> train(Model& model, const Gpt2Fixture& f, std::vector<double>& norms) {
  const auto& a = f.expected.at("adamw");
  const double lr = a.at("lr");
  Trainer trainer(model,
                  {.weight_decay = a.at("weight_decay"),
                   .beta1 = a.at("beta1"),
                   .beta2 = a.at("beta2"),
                   .eps = a.at("eps"),
                   .grad_clip = a.at("grad_clip")},
                  {.kind = ScheduleKind::constant, .learning_rate = lr, .warmup_iters = 0}, 1);
  const Batch batch = f.batch("targets");
  std::vector<double> losses;
  for (int step = 0; step < a.at("steps"); ++step) {
    const StepResult result = trainer.step(batch);
    losses.push_back(result.loss);
    norms.push_back(result.grad_norm);
  }
  losses.push_back(loss_of(model, batch));
  return losses;
}

std::vector<std::pair<std::filesystem::path, AttentionForm>> directories_and_forms() {
  std::vector<std::pair<std::filesystem::path, AttentionForm>> all;
  for (const auto& directory : test::oracles("gpt2-tiny"))
    for (const auto form : {AttentionForm::per_head, AttentionForm::batched, AttentionForm::fused})
      all.emplace_back(directory, form);
  return all;
}

}  // namespace

TEST_CASE("gpt2-tiny in float64") {
  for (const auto& [directory, form] : directories_and_forms()) {
    INFO(directory.string() << ", " << name_of(form));
    const Gpt2Fixture f(directory);
    const auto model = f.model(DType::f64, form);
    CHECK(std::abs(loss_of(*model, f.batch("targets")) - f.expected.at("loss").get<double>()) < 1e-12);
    CHECK(std::abs(loss_of(*model, f.batch("targets_masked")) - f.expected.at("loss_masked").get<double>()) <
          1e-12);
    check_gradients(*model, f, 1e-6);
    std::vector<double> norms;
    const auto losses = train(*model, f, norms);
    CHECK(test::close_abs(losses, f.expected.at("adamw").at("losses").get<std::vector<double>>(), 1e-12));
    CHECK(test::close_rel(norms, f.expected.at("adamw").at("grad_norms").get<std::vector<double>>(), 1e-10));
    for (const Parameter& p : model->parameters().all()) {
      INFO(p.name);
      CHECK(test::close_by_norm(p.value.doubles(), f.trained.values(p.name), 1e-6));
    }
  }
}

TEST_CASE("gpt2-tiny in float32") {
  for (const auto& [directory, form] : directories_and_forms()) {
    INFO(directory.string() << ", " << name_of(form));
    const Gpt2Fixture f(directory);
    const auto model = f.model(DType::f32, form);
    check_gradients(*model, f, 1e-5);
    std::vector<double> norms;
    const auto losses = train(*model, f, norms);
    CHECK(test::close_abs(losses, f.expected.at("adamw").at("losses").get<std::vector<double>>(), 1e-5));
  }
}

}  // namespace hewn
