#include "model/generation/draft.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// The larger the scale, the farther its distributions are from uniform.
std::unique_ptr<Model> tiny_model(uint64_t seed, int64_t n_embd = 16, int64_t block_size = 24,
                                  float scale = 12) {
  auto model =
      make_model({.vocab_size = 9, .block_size = block_size, .n_layer = 1, .n_head = 2, .n_embd = n_embd},
                 cpu(), DType::f32, seed, false);
  for (const Parameter& p : model->parameters().all()) {
    auto* const values = static_cast<float*>(p.value.data());
    for (int64_t i = 0; i < p.value.numel(); ++i) values[i] *= scale;
  }
  return model;
}

struct Counts {
  int64_t proposed = 0, accepted = 0;
};

std::vector<int32_t> text_of(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
                             Counts* counts = nullptr) {
  std::vector<int32_t> text;
  generate(model, {{prompt, options.sample}}, options, 1,
           {.token = [&](size_t, const Generated& g) { return text.push_back(g.token), true; },
            .done = [](size_t, bool) {},
            .checked =
                [&](int64_t proposed, int64_t accepted) {
                  if (counts) counts->proposed += proposed, counts->accepted += accepted;
                }});
  return text;
}

}  // namespace

TEST_CASE(
    "draft: the likeliest text is the same, whatever proposes tokens, also past the end of the context") {
  test::Random random("drafts");
  int64_t proposed = 0;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const auto model = tiny_model(test::run_seed() + seed), other = tiny_model(seed, 8, 10),
               longer = tiny_model(seed + 1, 8, 100);
    std::vector<int32_t> prompt;
    for (int64_t n = random.integer(1, 30); n > 0; --n)
      prompt.push_back(static_cast<int32_t>(random.integer(0, 8)));
    for (const Slide slide : {Slide::half, Slide::one}) {
      GenerateOptions options{
          .max_new_tokens = 60, .sampling = {.temperature = 0}, .context = {.slide = slide}};
      if (seed % 2 == 0) options.sampling.repetition_penalty = 1.3;
      const auto expected = text_of(*model, prompt, options);
      REQUIRE(expected.size() == 60);
      for (const DraftOptions& draft : {DraftOptions{.model = other.get()},
                                        {.model = longer.get(), .most = 1},
                                        {.model = model.get(), .most = 9},
                                        {.from_text = true, .most = 3},
                                        {.from_text = true, .most = 20}}) {
        options.draft = draft;
        Counts counts;
        CHECK(text_of(*model, prompt, options, &counts) == expected);
        proposed += counts.proposed;
        if (draft.model == model.get()) CHECK(counts.accepted == counts.proposed);
      }
    }
  }
  CHECK(proposed > 200);
}

TEST_CASE("draft: a text has its length, ends at its stop tokens, and is drawn again from the same seed") {
  const auto model = tiny_model(5), other = tiny_model(6, 8);
  for (const DraftOptions& draft : {DraftOptions{.model = other.get()}, {.from_text = true}})
    for (int64_t most = 1; most < 30; ++most) {
      GenerateOptions options{
          .max_new_tokens = most, .seed = test::run_seed(), .draft = draft, .stop_tokens = {4}};
      const auto text = text_of(*model, {1, 2, 1, 2}, options);
      CHECK(std::ssize(text) <= most);
      CHECK(std::find(text.begin(), text.end(), 4) == text.end());
      CHECK(text_of(*model, {1, 2, 1, 2}, options) == text);
      size_t taken = 0;
      generate(*model, {{{1, 2, 1, 2}, 0}}, options, 1,
               {.token = [&](size_t, const Generated&) { return ++taken < 3; }, .done = [](size_t, bool) {}});
      CHECK(taken == std::min<size_t>(text.size(), 3));
    }
}

TEST_CASE("draft: several texts are those that each would be alone") {
  const auto model = tiny_model(7), other = tiny_model(8, 8);
  const std::vector<GenerateRequest> requests{{{1}, 0}, {{2, 3, 2, 3}, 1}, {{5, 5, 5}, 2}};
  for (const DraftOptions& draft : {DraftOptions{.model = other.get()}, {.from_text = true}}) {
    GenerateOptions options{.max_new_tokens = 40, .seed = test::run_seed(), .draft = draft};
    std::vector<std::vector<int32_t>> texts(3);
    generate(*model, requests, options, 2,
             {.token = [&](size_t i, const Generated& g) { return texts[i].push_back(g.token), true; },
              .done = [](size_t, bool) {}});
    for (size_t i = 0; i < 3; ++i) {
      options.sample = requests[i].sample;
      CHECK(texts[i] == text_of(*model, requests[i].prompt, options));
    }
  }
}

TEST_CASE("draft: a text does not depend on what is remembered of its prompt") {
  const auto model = tiny_model(7), other = tiny_model(8, 8);
  for (const DraftOptions& draft : {DraftOptions{.model = other.get()}, {.from_text = true}})
    for (uint64_t seed = 0; seed < 20; ++seed) {
      GenerateOptions options{.max_new_tokens = 10, .seed = test::run_seed() + seed, .draft = draft};
      const auto alone = text_of(*model, {5, 5, 5}, options);
      options.remembered = std::make_shared<Remembered>();
      for (int time = 0; time < 2; ++time) CHECK(text_of(*model, {5, 5, 5}, options) == alone);
    }
}

// Pearson's chi-square of the first three tokens, beside their exact probabilities.
TEST_CASE("draft: drawn texts have the model's distribution") {
  const auto model = tiny_model(3, 16, 24, 5), other = tiny_model(4, 8, 24, 4);
  const std::vector<int32_t> prompt{2, 0, 2, 1, 2, 3, 2, 4, 2, 5, 2, 6, 2, 7, 2, 8, 2};  // every pair "2 x"
  const SamplingOptions sampling{.temperature = 0.9, .top_k = 7};
  const NoGrad none;
  const auto after = [&](std::vector<int32_t> more) {
    Context context(*model);
    for (const int32_t token : prompt) context.push({token});
    for (const int32_t token : more) context.push({token});
    return sampling_distribution(context.next_logits(), sampling);
  };
  std::map<std::vector<int32_t>, double> exact;
  const auto first = after({});
  for (int32_t a = 0; a < 9; ++a) {
    const auto second = after({a});
    for (int32_t b = 0; b < 9; ++b) {
      const auto third = after({a, b});
      for (int32_t c = 0; c < 9; ++c)
        exact[{a, b, c}] =
            first[static_cast<size_t>(a)] * second[static_cast<size_t>(b)] * third[static_cast<size_t>(c)];
    }
  }
  const int draws = test::full() && !test::sampled() ? 100'000 : 5'000;
  for (const DraftOptions& draft :
       {DraftOptions{.model = other.get(), .most = 3}, {.from_text = true, .most = 3}}) {
    std::map<std::vector<int32_t>, int> drawn;
    Counts counts;
    GenerateOptions options{
        .max_new_tokens = 3, .sampling = sampling, .seed = test::run_seed(), .draft = draft};
    for (int i = 0; i < draws; ++i) {
      options.sample = static_cast<uint64_t>(i);
      ++drawn[text_of(*model, prompt, options, &counts)];
    }
    CHECK(counts.accepted > draws / 100);
    CHECK(counts.accepted < counts.proposed - draws / 100);
    double chi_square = 0, rare = 0, rare_drawn = 0, cells = 0;
    const auto add = [&](double expected, double found) {
      chi_square += (found - expected) * (found - expected) / expected;
      ++cells;
    };
    for (const auto& [text, p] : exact) {
      if (p == 0) CHECK(drawn[text] == 0);
      if (p * draws >= 10) {
        add(p * draws, drawn[text]);
      } else {
        rare += p * draws, rare_drawn += drawn[text];
      }
    }
    if (rare > 0) add(rare, rare_drawn);
    INFO((draft.model ? "model" : "text") << ": chi-square " << chi_square << " of " << cells << " cells");
    CHECK(cells > 20);
    CHECK(chi_square < cells - 1 + 5 * std::sqrt(2 * (cells - 1)));  // five standard deviations
  }
}

TEST_CASE("draft: proposals from the text follow the longest agreement, the latest of equals") {
  const auto proposed = [](const std::vector<int32_t>& text, int64_t most) {
    std::vector<int32_t> tokens;
    for (const Proposal& p : make_drafter({.from_text = true}, {}, {}, Rng(1))->propose(text, most))
      tokens.push_back(p.token);
    return tokens;
  };
  using Tokens = std::vector<int32_t>;
  CHECK(proposed({1, 2, 3, 9, 1, 2, 3}, 2) == Tokens{9, 1});
  CHECK(proposed({1, 2, 3, 4, 7, 2, 3, 5, 1, 2, 3}, 1) == Tokens{4});  // three agree
  CHECK(proposed({2, 3, 4, 2, 3, 5, 2, 3}, 1) == Tokens{5});
  CHECK(proposed({8, 8, 8, 8}, 5) == Tokens{8});  // no more follows
  CHECK(proposed({1, 2, 9, 2}, 3).empty());       // one token is not enough
  CHECK(proposed({1}, 3).empty());
  CHECK(proposed({}, 3).empty());
}

TEST_CASE("draft: what is decided has the distribution p") {
  const std::vector<double> p{0.5, 0.3, 0.2, 0}, q{0.1, 0.2, 0.3, 0.4};
  test::Random seeds("decide");
  Rng random(seeds.bits());
  for (const bool certain : {false, true}) {
    std::vector<int> counts(4);
    int accepted = 0;
    const int n = 100'000;
    for (int i = 0; i < n; ++i) {
      const Proposal x = certain ? Proposal{2} : Proposal{draw(q, random.uniform_double()), q};
      const Decided d = decide(x, p, random);
      ++counts[static_cast<size_t>(d.token)];
      accepted += d.accepted;
    }
    for (size_t i = 0; i < 4; ++i) CHECK(std::abs(counts[i] - n * p[i]) < 5 * std::sqrt(n * 0.25));
    CHECK(std::abs(accepted - n * (certain ? 0.2 : 0.5)) < 5 * std::sqrt(n * 0.25));
  }
}

TEST_CASE("draft: tokens that one of the two lacks") {
  Rng random(3);
  const Decided more = decide({3, {0.25, 0.25, 0.25, 0.25}}, {0.5, 0.5}, random);
  CHECK_FALSE(more.accepted);
  CHECK(more.token < 2);
  int last = 0;
  for (int i = 0; i < 1000; ++i) last += decide({0, {1}}, {0.5, 0, 0.5}, random).token == 2;
  CHECK(std::abs(last - 500) < 5 * std::sqrt(250));
}

TEST_CASE("draft: proposals become fewer where they are rejected") {
  Ambition ambition(6);
  CHECK(ambition.next() == 3);
  ambition.learn(3, 3);
  CHECK(ambition.next() == 5);
  ambition.learn(5, 5);
  CHECK(ambition.next() == 6);
  ambition.learn(6, 2);
  CHECK(ambition.next() == 3);
  int64_t rests = 0;
  for (int i = 0; i < 12; ++i) {
    ambition.learn(1, 0);
    for (rests = 0; ambition.next() == 0;) ++rests;
  }
  CHECK(rests == 16);
  ambition.learn(1, 1);
  CHECK(ambition.next() == 3);
}

TEST_CASE("draft: recurrent networks take nothing back") {
  const auto lstm = make_model({.arch = "lstm", .vocab_size = 9, .n_embd = 8}, cpu(), DType::f32, 1, false);
  const auto model = tiny_model(1);
  CHECK_THROWS_WITH(text_of(*lstm, {1}, {.draft = {.from_text = true}}),
                    Catch::Contains("several tokens at a time"));
  CHECK_THROWS_WITH(text_of(*model, {1}, {.draft = {.model = lstm.get()}}),
                    Catch::Contains("cannot serve as a draft"));
  CHECK_THROWS_WITH(text_of(*model, {1}, {.draft = {.from_text = true, .most = 0}}),
                    Catch::Contains("at least 1"));
}

}  // namespace hewn
