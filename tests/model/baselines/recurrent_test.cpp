#include "model/baselines/recurrent.h"

#include <algorithm>
#include <set>

#include "kernels/contract/contract.h"
#include "kernels/devices/devices.h"
#include "model/generation/beam.h"
#include "model/generation/generate.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

ModelConfig tiny(const char* arch) {
  ModelConfig config;
  config.arch = arch;
  config.vocab_size = 11;
  config.block_size = 16;
  config.n_layer = 2;
  config.n_embd = 8;
  config.bias = true;
  return config;
}

/// Weights with which the state matters.
std::unique_ptr<Model> shaken(const ModelConfig& config, DType dtype = DType::f64) {
  auto model = make_model(config, cpu(), dtype, 3, false);
  test::Random random("weights");
  for (Parameter& p : model->parameters().all()) {
    const std::vector<double> values = random.normals<double>(p.shape.numel(), 0.7);
    p.value.upload(dtype == DType::f64 ? static_cast<const void*>(values.data())
                                       : std::vector<float>(values.begin(), values.end()).data());
  }
  return model;
}

Tensor on_cpu(const std::vector<int32_t>& tokens, int64_t rows) {
  return Tensor::from(cpu(), tokens, {rows, static_cast<int64_t>(tokens.size()) / rows});
}

/// The work of the launches on the CPU.
class Work final : public Profiler {
 public:
  Work() { executor(cpu()).profile(this); }
  ~Work() override { executor(cpu()).profile(nullptr); }
  void launched(const char*, const char*, const Cost& cost) override { ++launches, flops += cost.flops; }
  int64_t launches = 0;
  double flops = 0;
};

}  // namespace

TEST_CASE("recurrent: logits depend on all earlier tokens, on no later ones, and on no other sequence") {
  for (const char* arch : {"rnn", "lstm"}) {
    INFO(arch);
    const auto model = shaken(tiny(arch));
    const std::vector<int32_t> tokens{3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
    const std::vector<double> both = model->logits(on_cpu(tokens, 2)).doubles();
    const size_t row = both.size() / 2, V = 11;
    for (size_t changed = 0; changed < 5; ++changed) {
      std::vector<int32_t> other = tokens;
      other[changed] = 7;
      const std::vector<double> logits = model->logits(on_cpu(other, 2)).doubles();
      for (size_t t = 0; t < 5; ++t)
        CHECK(std::equal(logits.begin() + static_cast<std::ptrdiff_t>(t * V),
                         logits.begin() + static_cast<std::ptrdiff_t>((t + 1) * V),
                         both.begin() + static_cast<std::ptrdiff_t>(t * V)) == (t < changed));
      CHECK(std::equal(logits.begin() + static_cast<std::ptrdiff_t>(row), logits.end(),
                       both.begin() + static_cast<std::ptrdiff_t>(row)));
    }
    // Alone, and only the last position.
    const std::vector<double> last = model->logits(on_cpu(tokens, 2), {.last_only = true}).doubles();
    CHECK(test::close_abs({last.begin(), last.begin() + 11}, {both.begin() + 44, both.begin() + 55}, 1e-14));
    CHECK(test::close_abs(model->logits(on_cpu({tokens.begin(), tokens.begin() + 5}, 1)).doubles(),
                          {both.begin(), both.begin() + 55}, 1e-13));
  }
}

TEST_CASE("recurrent: a text generated with the state equals one that is recomputed, also past the context") {
  for (const char* arch : {"rnn", "lstm"})
    for (const double temperature : {0.0, 1.0}) {
      INFO(arch);
      const auto model = shaken(tiny(arch));
      std::vector<std::vector<int32_t>> texts;
      for (const bool cache : {true, false}) {
        texts.emplace_back();
        generate(*model, {1, 2, 3},
                 {.max_new_tokens = 60,
                  .sampling = {.temperature = temperature},
                  .seed = test::run_seed(),
                  .context = {.cache = cache}},
                 [&](int32_t token) { return texts.back().push_back(token), true; });
      }
      CHECK(texts[0].size() == 60);
      CHECK(texts[0] == texts[1]);
      const auto best = [&](bool cache) {
        return beam_search(*model, {1, 2},
                           {.beams = 3, .max_new_tokens = 20, .n_best = 3, .context = {.cache = cache}});
      };
      const std::vector<BeamText> with = best(true), without = best(false);
      for (size_t i = 0; i < 3; ++i) CHECK(with[i].tokens == without[i].tokens);
    }
}

TEST_CASE("recurrent: a token costs the same at any length of the text") {
  for (const char* arch : {"rnn", "lstm"}) {
    INFO(arch);
    ModelConfig config = tiny(arch);
    config.block_size = 100;
    const auto model = shaken(config, DType::f32);
    const NoGrad none;
    const auto cache = model->make_cache(1, 100);
    std::set<std::pair<int64_t, double>> costs;
    for (int32_t t = 0; t < 100; ++t) {
      const Work work;
      (void)model->logits(on_cpu({t % 11}, 1), {.cache = cache.get()});
      costs.insert({work.launches, work.flops});
    }
    CHECK(costs.size() == 1);
    CHECK(cache->length() == 100);
  }
}

TEST_CASE("recurrent: a cleared state is that of a new text") {
  const auto model = shaken(tiny("lstm"));
  const NoGrad none;
  const auto cache = model->make_cache(1, 16);
  const std::vector<double> first = model->logits(on_cpu({4}, 1), {.cache = cache.get()}).doubles();
  CHECK(model->logits(on_cpu({4}, 1), {.cache = cache.get()}).doubles() != first);
  cache->clear();
  CHECK(cache->length() == 0);
  CHECK(model->logits(on_cpu({4}, 1), {.cache = cache.get()}).doubles() == first);
}

TEST_CASE("recurrent: dropout is between layers only") {
  for (const int64_t layers : {1, 2}) {
    ModelConfig config = tiny("lstm");
    config.n_layer = layers;
    config.dropout = 0.5;
    const auto model = shaken(config);
    const StepState state{.seed = 5, .step = 1};
    Tensor on_device = Tensor::zeros(cpu(), DType::u8, {sizeof state});
    on_device.upload(&state);
    const Tensor tokens = on_cpu({1, 2, 3, 4, 5, 6}, 2);
    CHECK((model->loss(tokens, tokens).item() ==
           model->loss(tokens, tokens, {.step_state = on_device}).item()) == (layers == 1));
  }
}

}  // namespace hewn
