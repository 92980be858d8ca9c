#include "model/generate.h"

#include <cmath>

#include "kernels/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

std::unique_ptr<Model> tiny_model() {
  ModelConfig config;
  config.vocab_size = 11;
  config.block_size = 8;
  config.n_layer = 2;
  config.n_head = 2;
  config.n_embd = 16;
  return make_model(config, cpu(), DType::f32, 7, false);
}

std::vector<int32_t> generated(Model& model, const std::vector<int32_t>& prompt,
                               const GenerateOptions& options) {
  std::vector<int32_t> tokens;
  generate(model, prompt, options, [&](int32_t token) {
    tokens.push_back(token);
    return true;
  });
  return tokens;
}

}  // namespace

TEST_CASE("generate: with the cache as without, also past the end of the context") {
  const auto model = tiny_model();
  for (const double temperature : {0.0, 0.7, 1.5}) {
    GenerateOptions options{.max_new_tokens = 30, .temperature = temperature, .seed = test::run_seed()};
    const auto with = generated(*model, {1, 2, 3}, options);
    options.cache = false;
    CHECK(generated(*model, {1, 2, 3}, options) == with);
    CHECK(with.size() == 30);
  }
}

TEST_CASE("generate: a full context goes on with its newest half") {
  const auto model = tiny_model();
  test::Random random("prompts");
  for (int round = 0; round < 20; ++round) {
    std::vector<int32_t> prompt;  // as long as the block
    for (int i = 0; i < 8; ++i) prompt.push_back(static_cast<int32_t>(random.integer(0, 10)));
    const auto tokens = generated(*model, prompt, {.max_new_tokens = 2, .temperature = 0});
    std::vector<int32_t> half(prompt.begin() + 4, prompt.end());
    half.push_back(tokens[0]);
    CHECK(generated(*model, half, {.max_new_tokens = 1, .temperature = 0})[0] == tokens[1]);
  }
}

TEST_CASE("generate: logits by the cache equal those of the whole context") {
  const auto model = tiny_model();
  const NoGrad none;
  const std::vector<int32_t> tokens{3, 1, 4, 1, 5, 9, 2, 6};
  const auto whole = model->logits(Tensor::from(cpu(), tokens, {1, 8})).doubles();
  KvCache cache(model->config(), cpu(), DType::f32, 1, 8);
  std::vector<double> pieces;
  for (const auto& part : {std::vector<int32_t>{3, 1, 4}, {1}, {5}, {9, 2}, {6}}) {
    const auto input = Tensor::from(cpu(), part, {1, static_cast<int64_t>(part.size())});
    const auto logits = model->logits(input, {.cache = &cache}).doubles();
    pieces.insert(pieces.end(), logits.begin(), logits.end());
  }
  CHECK(test::close_by_norm(pieces, whole, 1e-6));
}

TEST_CASE("generate: same seed, same tokens; another sample, others") {
  const auto model = tiny_model();
  const GenerateOptions a{.max_new_tokens = 40, .seed = 3}, b{.max_new_tokens = 40, .seed = 3, .sample = 1};
  CHECK(generated(*model, {1}, a) == generated(*model, {1}, a));
  CHECK(generated(*model, {1}, a) != generated(*model, {1}, b));
}

TEST_CASE("generate: a prompt longer than the context, and stopping") {
  const auto model = tiny_model();
  CHECK(generated(*model, std::vector<int32_t>(50, 3), {.max_new_tokens = 5}).size() == 5);
  int seen = 0;
  generate(*model, {1}, {.max_new_tokens = 50}, [&](int32_t) { return ++seen < 4; });
  CHECK(seen == 4);
  CHECK_THROWS_WITH(generated(*model, {}, {}), Catch::Contains("prompt"));
}

TEST_CASE("sampling distribution: temperature, top-k, ties") {
  const std::vector<double> logits{1, 3, 3, 0};
  CHECK(sampling_distribution(logits, 0, 0) == std::vector<double>{0, 1, 0, 0});
  const double e = std::exp(-1.0);
  const auto two = sampling_distribution(logits, 2, 3);
  CHECK(test::close_abs(two, std::vector<double>{e / (2 + e), 1 / (2 + e), 1 / (2 + e), 0}, 1e-15));
  CHECK(sampling_distribution(logits, 1, 1) == std::vector<double>{0, 1, 0, 0});
  CHECK_THROWS(sampling_distribution({NAN, 1}, 1, 0));
  CHECK_THROWS(sampling_distribution(logits, -1, 0));
}

}  // namespace hewn
