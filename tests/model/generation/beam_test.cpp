#include "model/generation/beam.h"

#include <algorithm>
#include <cmath>

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "model/weights/foreign.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "tests/support/stories.h"

namespace hewn {
namespace {

std::unique_ptr<Model> small_model(uint64_t seed, int64_t vocab_size = 4, int64_t block_size = 16) {
  auto model = make_model(
      {.vocab_size = vocab_size, .block_size = block_size, .n_layer = 2, .n_head = 2, .n_embd = 16}, cpu(),
      DType::f32, seed, false);
  for (Parameter& p : model->parameters().all())  // initial weights make all tokens alike
    if (p.shape.rank() == 2)
      for (int64_t i = 0; i < p.value.numel(); ++i) static_cast<float*>(p.value.data())[i] *= 12;
  return model;
}

/// log P of `text` after `prompt`, without any search.
double log_probability(Model& model, std::vector<int32_t> prompt, const std::vector<int32_t>& text) {
  double sum = 0;
  const NoGrad none;
  for (const int32_t token : text) {
    const Tensor input = Tensor::from(cpu(), prompt, {1, static_cast<int64_t>(prompt.size())});
    sum += log_probabilities(model.logits(input, {.last_only = true}).doubles())[static_cast<size_t>(token)];
    prompt.push_back(token);
  }
  return sum;
}

struct Best {
  std::vector<int32_t> text;
  double score = -INFINITY;
};

/// Tries every text of up to `length` tokens; one that ends with `stop` may be shorter.
void try_all(Model& model, const std::vector<int32_t>& prompt, std::vector<int32_t>& text, int64_t length,
             int32_t stop, double penalty, Best& best) {
  const bool ended = !text.empty() && text.back() == stop;
  if (ended || static_cast<int64_t>(text.size()) == length) {
    const double score =
        log_probability(model, prompt, text) / std::pow(static_cast<double>(text.size()), penalty);
    if (score > best.score) best = {ended ? std::vector<int32_t>(text.begin(), text.end() - 1) : text, score};
    return;
  }
  for (int32_t token = 0; token < model.config().vocab_size; ++token) {
    text.push_back(token);
    try_all(model, prompt, text, length, stop, penalty, best);
    text.pop_back();
  }
}

}  // namespace

TEST_CASE("beam search of full width finds the best of all texts", "[beam]") {
  if (test::left_out()) return;
  constexpr int64_t length = 4;
  int ended = 0;  // in all models: one that rarely says "stop" need not do it in its best 60 texts
  for (const double penalty : {0.0, 1.0, 2.0}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      const auto model = small_model(test::run_seed() + seed);
      Best best;
      std::vector<int32_t> text;
      try_all(*model, {1, 2}, text, length, 3, penalty, best);
      const auto found = beam_search(*model, {1, 2},
                                     {.beams = 256,
                                      .max_new_tokens = length,
                                      .length_penalty = penalty,
                                      .n_best = 60,
                                      .stop_tokens = {3}});
      REQUIRE(found.size() == 60);
      INFO("penalty " << penalty << ", seed " << seed);
      CHECK(std::abs(found[0].score - best.score) <= 1e-5);
      CHECK(found[0].tokens == best.text);
      for (size_t i = 0; i < found.size(); ++i) {
        const auto tokens = static_cast<double>(found[i].tokens.size() + found[i].ended);
        CHECK(std::abs(found[i].score - found[i].log_probability / std::pow(tokens, penalty)) <= 1e-12);
        CHECK(found[i].score <= found[i == 0 ? 0 : i - 1].score);
        ended += found[i].ended;
      }
    }
  }
  CHECK(ended > 0);
}

TEST_CASE("beam search: log P is the model's, and rarely below that of the greedy text", "[beam]") {
  int not_worse = 0;
  double gain = 0;
  test::Random random("beam prompts");
  constexpr int prompts = 50;
  const auto model = small_model(test::run_seed(), 30);
  for (int i = 0; i < prompts; ++i) {
    const std::vector<int32_t> prompt{static_cast<int32_t>(random.integer(0, 29)),
                                      static_cast<int32_t>(random.integer(0, 29))};
    std::vector<int32_t> greedy;
    generate(*model, prompt, {.max_new_tokens = 12, .sampling = {.temperature = 0}}, [&](int32_t token) {
      greedy.push_back(token);
      return true;
    });
    const BeamText best = beam_search(*model, prompt, {.beams = 6, .max_new_tokens = 12})[0];
    CHECK(std::abs(best.log_probability - log_probability(*model, prompt, best.tokens)) <= 1e-4);
    const double more = best.log_probability - log_probability(*model, prompt, greedy);
    not_worse += more >= -1e-6;
    gain += more;
    CHECK(beam_search(*model, prompt, {.beams = 1, .max_new_tokens = 12})[0].tokens == greedy);
  }
  CHECK(not_worse >= 45);
  CHECK(gain > 0);
}

TEST_CASE("beam search: texts of a trained model are more likely than greedy ones", "[beam]") {
  if (test::left_out()) return;
  for (const test::Stories& stories : test::stories()) {
    const ForeignModel foreign = open_foreign(stories.model.string());
    const auto model = load_foreign(foreign, cpu());
    int prompts = 0, not_worse = 0;
    double gain = 0;
    for (const char* name : {"Tim", "Lily", "the dog", "a little bird", "Mom", "the old man", "Sam", "a cat",
                             "the big bear", "Anna"})
      for (const char* begin : {"Once upon a time, ", "One day, ", "In the park, ", "It was a sunny day and ",
                                "They all laughed, but "}) {
        std::vector<int32_t> prompt{*foreign.texts().begin()}, greedy;
        const std::vector<int32_t> text = foreign.tokenizer->encode(std::string(begin) + name);
        prompt.insert(prompt.end(), text.begin(), text.end());
        generate(*model, prompt, {.max_new_tokens = 24, .sampling = {.temperature = 0}}, [&](int32_t token) {
          greedy.push_back(token);
          return true;
        });
        const BeamText best = beam_search(*model, prompt, {.beams = 5, .max_new_tokens = 24})[0];
        REQUIRE(best.tokens.size() == greedy.size());
        const double more = best.log_probability - log_probability(*model, prompt, greedy);
        ++prompts;
        not_worse += more >= -1e-6;
        gain += more;
      }
    INFO(stories.model << ": " << not_worse << " not worse of " << prompts << ", by " << gain / prompts
                       << " on average");
    CHECK(prompts == 50);
    CHECK(not_worse >= 45);
    CHECK(gain > 0);
  }
}

TEST_CASE("beam search: the same with and without the cache, also past the end of the context", "[beam]") {
  const auto model = small_model(test::run_seed(), 20, 8);
  BeamOptions options{.beams = 3, .max_new_tokens = 20, .n_best = 3};
  const auto with = beam_search(*model, {1, 2, 3}, options);
  options.context.cache = false;
  const auto without = beam_search(*model, {1, 2, 3}, options);
  REQUIRE(with.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(with[i].tokens == without[i].tokens);
    CHECK(std::abs(with[i].score - without[i].score) <= 1e-5);
    CHECK(with[i].tokens.size() == 20);
  }
}

TEST_CASE("beam search: options out of range are refused", "[beam]") {
  const auto model = small_model(1);
  CHECK_THROWS_WITH(beam_search(*model, {}, {}), Catch::Contains("prompt"));
  CHECK_THROWS_WITH(beam_search(*model, {1}, {.beams = 0}), Catch::Contains("beams = 0"));
  CHECK_THROWS_WITH(beam_search(*model, {1}, {.beams = 2, .n_best = 3}), Catch::Contains("1 to 2"));
  CHECK_THROWS_WITH(beam_search(*model, {1}, {.length_penalty = NAN}), Catch::Contains("length_penalty"));
}

}  // namespace hewn
