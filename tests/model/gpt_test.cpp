#include "model/config_json.h"
#include "model/gpt.h"

#include <cmath>

#include "core/gradcheck.h"
#include "core/rng.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

ModelConfig tiny() {
  ModelConfig config;
  config.vocab_size = 13;
  config.block_size = 9;
  config.n_layer = 2;
  config.n_head = 2;
  config.n_embd = 8;
  config.bias = true;
  return config;
}

Tensor random_tokens(const ModelConfig& config, int64_t B, int64_t T, const char* label) {
  test::Random random(label);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < B * T; ++i)
    ids.push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
  return Tensor::from(cpu(), ids, {B, T});
}

/// Larger weights than a fresh model has, so that no gradient vanishes.
void shake(Model& model) {
  test::Random random("weights");
  for (Parameter& p : model.parameters().all()) {
    const std::vector<double> values = random.normals<double>(p.shape.numel(), 0.3);
    if (p.value.dtype() == DType::f64) {
      p.value.upload(values.data());
    } else {
      const std::vector<float> narrow(values.begin(), values.end());
      p.value.upload(narrow.data());
    }
  }
}

struct Run {
  double loss;
  std::vector<std::vector<double>> grads;
};

Run run(Model& model, const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) {
  model.parameters().clear_grads();
  Tape tape;
  const Tensor loss = model.loss(tokens, targets, options);
  tape.backward(loss);
  model.parameters().complete_grads();
  Run result{loss.item(), {}};
  for (const Parameter& p : model.parameters().all()) result.grads.push_back(grad_of(p.value).doubles());
  return result;
}

/// The gradient of the loss with respect to every parameter, against differences of the loss.
GradcheckResult check_model(const ModelConfig& config) {
  const auto model = make_model(config, cpu(), DType::f64);
  shake(*model);
  const Tensor tokens = random_tokens(config, 2, 7, "tokens"),
               targets = random_tokens(config, 2, 7, "targets");
  std::vector<Tensor> values;
  for (const Parameter& p : model->parameters().all()) values.push_back(p.value.detached());
  return gradcheck(
      [&](const std::vector<Tensor>& in) {
        size_t i = 0;
        for (Parameter& p : model->parameters().all()) p.value = in[i++];
        return model->loss(tokens, targets);
      },
      values, {.step = 4e-4, .max_entries = 24, .directions = 2});
}

std::vector<ModelConfig> variants() {
  std::vector<ModelConfig> all(15, tiny());
  all[1].norm_place = NormPlace::post;
  all[2].residual = false;
  all[2].n_layer = 1;
  all[3].pos = Positions::sinusoidal;
  all[3].norm = NormKind::rmsnorm;
  all[4].pos_combine = PosCombine::concat;
  all[4].tie = false;
  all[5].bias = false;
  all[5].act = Activation::silu;
  all[6].qkv_bias = false;
  all[6].mlp_width = 12;
  all[6].act = Activation::gelu_erf;
  all[7].pos = Positions::none;
  all[7].n_head = 1;
  all[8].arch = "bigram_linear";
  all[9].pos = Positions::rotary;  // Llama
  all[9].norm = NormKind::rmsnorm;
  all[9].act = MlpActivation::swiglu;
  all[9].bias = false;
  all[9].tie = false;
  all[9].n_kv_head = 1;
  all[10].pos = Positions::rotary;
  all[10].rope_pairs = RotaryPairs::interleaved;
  all[10].rope_theta = 50;
  all[10].window = 2;
  all[11].act = MlpActivation::swiglu;
  all[11].n_kv_head = 1;
  all[12].arch = "rnn";
  all[13].arch = "lstm";
  all[14].arch = "lstm";
  all[14].bias = false;
  all[14].tie = false;
  all[14].n_layer = 1;
  return all;
}

}  // namespace

TEST_CASE("gpt: gradients of every variant") {
  if (test::left_out()) return;
  for (const ModelConfig& config : variants()) {
    INFO(to_json(config));
    const auto result = check_model(config);
    INFO(result.worst);
    CHECK(result.below(1e-8));
  }
  ModelConfig table = tiny();
  table.arch = "bigram";
  CHECK(check_model(table).below(1e-8));
}

TEST_CASE("gpt: the three forms of attention compute the same function") {
  for (const size_t variant : {size_t{0}, size_t{9}, size_t{10}}) {  // GPT-2, Llama, rotary within a window
    ModelConfig config = variants()[variant];
    std::vector<Run> runs;
    const Tensor tokens = random_tokens(config, 3, 9, "tokens"),
                 targets = random_tokens(config, 3, 9, "targets");
    for (const auto form : {AttentionForm::per_head, AttentionForm::batched, AttentionForm::fused}) {
      config.attention = form;
      const auto model = make_model(config, cpu(), DType::f64);
      shake(*model);
      runs.push_back(run(*model, tokens, targets));
    }
    for (const Run& other : {runs[1], runs[2]}) {
      CHECK(std::abs(other.loss - runs[0].loss) < 1e-12);
      for (size_t i = 0; i < other.grads.size(); ++i)
        CHECK(test::close_by_norm(other.grads[i], runs[0].grads[i], 1e-10));
    }
  }
}

TEST_CASE("gpt: one step's bits do not depend on the number of threads") {
  const ModelConfig config = tiny();
  std::vector<Run> runs;
  for (const int threads : {1, 2, 4}) {
    const auto device = make_cpu(threads);
    const auto model = make_model(config, *device);
    const Tensor tokens = random_tokens(config, 3, 9, "tokens"),
                 targets = random_tokens(config, 3, 9, "targets");
    const Tensor t = Tensor::from(*device, tokens.values<int32_t>(), tokens.shape());
    const Tensor u = Tensor::from(*device, targets.values<int32_t>(), targets.shape());
    runs.push_back(run(*model, t, u));
  }
  CHECK((runs[1].loss == runs[0].loss && runs[1].grads == runs[0].grads));
  CHECK((runs[2].loss == runs[0].loss && runs[2].grads == runs[0].grads));
}

TEST_CASE("gpt: dropout depends on seed and step, and is off in evaluation") {
  ModelConfig config = tiny();
  config.dropout = 0.3;
  const auto model = make_model(config, cpu());
  shake(*model);
  const Tensor tokens = random_tokens(config, 3, 9, "tokens"),
               targets = random_tokens(config, 3, 9, "targets");
  const auto loss_with = [&](int64_t step) {
    const StepState state{.seed = 5, .step = step};
    Tensor on_device = Tensor::zeros(cpu(), DType::u8, {sizeof state});
    on_device.upload(&state);
    return run(*model, tokens, targets, {.step_state = on_device}).loss;
  };
  CHECK(loss_with(1) == loss_with(1));
  CHECK(loss_with(1) != loss_with(2));
  CHECK(run(*model, tokens, targets).loss == run(*model, tokens, targets).loss);
}

TEST_CASE("gpt: later tokens have no effect") {
  const ModelConfig config = tiny();
  const auto model = make_model(config, cpu());
  shake(*model);
  const Tensor tokens = random_tokens(config, 1, 9, "tokens");
  std::vector<int32_t> changed = tokens.values<int32_t>();
  changed.back() = (changed.back() + 1) % static_cast<int32_t>(config.vocab_size);
  const auto a = model->logits(tokens).doubles(),
             b = model->logits(Tensor::from(cpu(), changed, {1, 9})).doubles();
  const auto before_last = static_cast<std::ptrdiff_t>(8 * config.vocab_size);
  CHECK(std::equal(a.begin(), a.begin() + before_last, b.begin()));
  CHECK(a != b);
}

TEST_CASE("gpt: invalid configurations and tokens are refused") {
  const ModelConfig config = tiny();
  const auto model = make_model(config, cpu());
  CHECK_THROWS_WITH(model->logits(random_tokens(config, 1, 10, "long")), Catch::Contains("block_size = 9"));
  const std::vector<int32_t> wrong{13};
  CHECK_THROWS_WITH(model->logits(Tensor::from(cpu(), wrong, {1, 1})), Catch::Contains("13"));
  ModelConfig bad = config;
  bad.n_head = 3;
  CHECK_THROWS_WITH(make_model(bad, cpu()), Catch::Contains("multiple of n_head"));
  bad = config;
  bad.n_kv_head = 3;
  CHECK_THROWS_WITH(make_model(bad, cpu()), Catch::Contains("n_kv_head = 3"));
  bad = config;
  bad.n_head = 8;
  bad.pos = Positions::rotary;
  CHECK_THROWS_WITH(make_model(bad, cpu()), Catch::Contains("pos = rope"));
  bad.n_head = 2;
  bad.rope_theta = 0;
  CHECK_THROWS_WITH(make_model(bad, cpu()), Catch::Contains("rope_theta = 0"));
}

TEST_CASE("gpt: sinusoids are scaled like fresh token embeddings, except in models older than pos_scale") {
  ModelConfig config = tiny();
  config.pos = Positions::sinusoidal;
  CHECK(config.pos_scale / std::sqrt(2.0) == Approx(0.02).epsilon(1e-3));
  CHECK(model_config_from_json(to_json(config)).pos_scale == config.pos_scale);
  std::string old = to_json(config);
  const size_t key = old.find("\"pos_scale\"");
  REQUIRE(key != std::string::npos);
  old.erase(key, old.find(',', key) + 1 - key);
  CHECK(model_config_from_json(old).pos_scale == 1);

  // Without blocks the logits are those of wte[token] + pos_scale sinusoid.
  config.n_layer = 0;
  config.norm_place = NormPlace::post;
  config.tie = false;
  const auto model = make_model(config, cpu(), DType::f64);
  Parameter& head = *model->parameters().find("lm_head.weight");
  std::vector<double> identity(static_cast<size_t>(head.shape.numel()));
  for (size_t c = 0; c < 8; ++c) identity[c * 8 + c] = 1;
  head.value.upload(identity.data());
  const auto table = model->parameters().find("transformer.wte.weight")->value.doubles();
  const auto logits = model->logits(Tensor::from(cpu(), std::vector<int32_t>{3, 3}, {1, 2})).doubles();
  CHECK(logits[13] - table[24] == Approx(config.pos_scale * std::sin(1.0)));
  CHECK(logits[14] - table[25] == Approx(config.pos_scale * std::cos(1.0)));
}

TEST_CASE("gpt: a fresh model predicts uniformly") {
  ModelConfig config = tiny();
  config.vocab_size = 65;
  const auto model = make_model(config, cpu());
  const double loss =
      model->loss(random_tokens(config, 8, 9, "tokens"), random_tokens(config, 8, 9, "targets")).item();
  CHECK(std::abs(loss - std::log(65.0)) < 0.1);
}

TEST_CASE("gpt: configurations are written to JSON and read back") {
  for (const ModelConfig& config : variants())
    CHECK(to_json(model_config_from_json(to_json(config))) == to_json(config));
  CHECK_THROWS_WITH(model_config_from_json("{\"n_layers\": 3}"), Catch::Contains("n_layers"));
  CHECK_THROWS_WITH(model_config_from_json("{\"vocab_size\": -3}"), Catch::Contains("vocab_size"));
  CHECK_THROWS_WITH(model_config_from_json("["), Catch::Contains("JSON") || Catch::Contains("json"));
}

TEST_CASE("initial weights are the numbers of their stream, on any number of threads") {
  ModelConfig config = tiny();
  config.vocab_size = 2003;  // several blocks of elements, the last of them short
  const auto three = make_cpu(3);
  const auto model = make_model(config, *three, DType::f32, 7);
  uint64_t stream = 0;
  for (const Parameter& p : model->parameters().all()) {
    INFO(p.name);
    Rng rng(7, stream++);
    bool same = true;
    for (const float value : p.value.values<float>())
      same &= value ==
              static_cast<float>(p.init.deviation > 0 ? p.init.deviation * rng.normal() : p.init.constant);
    CHECK(same);
  }
}

}  // namespace hewn
