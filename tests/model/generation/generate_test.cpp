#include "model/generation/generate.h"

#include <cmath>
#include <set>

#include "kernels/devices/devices.h"
#include "model/generation/beam.h"
#include "model/kv_cache.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
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

/// Counts the arithmetic of what runs on a device while it lives.
struct Flops final : Profiler {
  explicit Flops(Device& of) : device(executor(of)) { device.profile(this); }
  ~Flops() override { device.profile(nullptr); }
  void launched(const char*, const char*, const Cost& cost) override { all += cost.flops; }
  Executor& device;
  double all = 0;
};

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

TEST_CASE("generate: the same with and without the cache, also past the end of the context") {
  const auto model = tiny_model();
  for (const double temperature : {0.0, 0.7, 1.5}) {
    GenerateOptions options{
        .max_new_tokens = 30, .sampling = {.temperature = temperature}, .seed = test::run_seed()};
    const auto with = generated(*model, {1, 2, 3}, options);
    options.context.cache = false;
    CHECK(generated(*model, {1, 2, 3}, options) == with);
    CHECK(with.size() == 30);
  }
}

TEST_CASE("generate: ids beyond the requested vocabulary are never considered") {
  const auto model = tiny_model();
  Parameter& head = *model->parameters().find("transformer.wte.weight");  // tied: [11, 16]
  for (int64_t i = 7 * 16; i < head.value.numel(); ++i) static_cast<float*>(head.value.data())[i] *= 40;
  std::set<int32_t> all, some;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    GenerateOptions options{
        .max_new_tokens = 20, .sampling = {.repetition_penalty = 1.1, .temperature = 2}, .seed = seed};
    for (const int32_t id : generated(*model, {1, 2, 9}, options)) all.insert(id);
    options.context.vocab_size = 7;
    for (const int32_t id : generated(*model, {1, 2, 9}, options)) some.insert(id);
    size_t count = 0;
    generate(*model, {{{1, 2}}, {{3, 9, 4}}}, options, 2,
             {.token =
                  [&](size_t, const Generated& g) {
                    CHECK(g.logits.size() == 7);
                    return some.insert(g.token), ++count < 100;
                  },
              .done = [](size_t, bool) {}});
  }
  CHECK(all.size() == 11);  // they would have been drawn
  CHECK(some == std::set<int32_t>{0, 1, 2, 3, 4, 5, 6});
  for (const BeamText& text : beam_search(
           *model, {1, 9}, {.beams = 8, .max_new_tokens = 6, .n_best = 8, .context = {.vocab_size = 7}}))
    for (const int32_t id : text.tokens) CHECK(id < 7);
  CHECK_THROWS_WITH(generated(*model, {1}, {.context = {.vocab_size = 12}}),
                    Catch::Contains("at most the model's vocabulary, 11"));
}

TEST_CASE("generate: a full context continues from its newest half") {
  const auto model = tiny_model();
  test::Random random("prompts");
  for (int round = 0; round < 20; ++round) {
    std::vector<int32_t> prompt;  // as long as the block
    for (int i = 0; i < 8; ++i) prompt.push_back(static_cast<int32_t>(random.integer(0, 10)));
    const auto tokens = generated(*model, prompt, {.max_new_tokens = 2, .sampling = {.temperature = 0}});
    std::vector<int32_t> half(prompt.begin() + 4, prompt.end());
    half.push_back(tokens[0]);
    CHECK(generated(*model, half, {.max_new_tokens = 1, .sampling = {.temperature = 0}})[0] == tokens[1]);
  }
}

TEST_CASE("generate: the token that begins a text stays at the front of a full context") {
  const auto model = tiny_model();
  for (const Slide slide : {Slide::half, Slide::one}) {
    const ContextOptions context{.slide = slide, .begin = 3};
    std::vector<int32_t> kept{3, 1, 4, 1, 5, 9, 2, 6}, other{7, 1, 4, 1, 5, 9, 2, 6};
    Context begun(*model, context), as_kept(*model), as_other(*model), other_begun(*model, context);
    for (const int32_t id : kept) begun.push({id});
    for (const int32_t id : other) other_begun.push({id});
    for (Context* c : {&begun, &other_begun}) c->push({0});
    for (const int32_t id : slide == Slide::half ? std::vector<int32_t>{3, 9, 2, 6, 0}
                                                 : std::vector<int32_t>{3, 4, 1, 5, 9, 2, 6, 0})
      as_kept.push({id});
    for (const int32_t id : slide == Slide::half ? std::vector<int32_t>{5, 9, 2, 6, 0}
                                                 : std::vector<int32_t>{1, 4, 1, 5, 9, 2, 6, 0})
      as_other.push({id});
    CHECK(begun.next_logits() == as_kept.next_logits());
    CHECK(other_begun.next_logits() == as_other.next_logits());
  }
}

TEST_CASE("generate: logits with the cache equal those of the whole context") {
  const bool llama = GENERATE(false, true);
  ModelConfig config = tiny_model()->config();
  if (llama) {
    config.n_kv_head = 1;
    config.pos = Positions::rotary;
    config.window = 3;
    config.act = MlpActivation::swiglu;
  }
  const auto model = make_model(config, cpu(), DType::f32, 7, false);
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
  CHECK(pieces == whole);
}

TEST_CASE("generate: the same seed gives the same tokens, another sample gives others") {
  const auto model = tiny_model();
  const GenerateOptions a{.max_new_tokens = 40, .seed = 3}, b{.max_new_tokens = 40, .seed = 3, .sample = 1};
  CHECK(generated(*model, {1}, a) == generated(*model, {1}, a));
  CHECK(generated(*model, {1}, a) != generated(*model, {1}, b));
}

TEST_CASE("generate: prompts longer than the context, and stopping") {
  const auto model = tiny_model();
  CHECK(generated(*model, std::vector<int32_t>(50, 3), {.max_new_tokens = 5}).size() == 5);
  int seen = 0;
  generate(*model, {1}, {.max_new_tokens = 50}, [&](int32_t) { return ++seen < 4; });
  CHECK(seen == 4);
  CHECK_THROWS_WITH(generated(*model, {}, {}), Catch::Contains("prompt"));
}

TEST_CASE("generate: a stop token ends the text and is not part of it") {
  const auto model = tiny_model();
  const auto all = generated(*model, {1}, {.max_new_tokens = 40, .seed = test::run_seed()});
  const int32_t stop = all[all.size() / 2];
  const auto first = std::find(all.begin(), all.end(), stop);
  const auto cut =
      generated(*model, {1}, {.max_new_tokens = 40, .seed = test::run_seed(), .stop_tokens = {stop}});
  CHECK(cut == std::vector<int32_t>(all.begin(), first));
}

TEST_CASE("generate: prompts of different lengths in a batch give the same texts as alone") {
  enum Variant { gpt2, llama, sinusoids_beside, table, recurrent, long_short };
  const auto variant = GENERATE(gpt2, llama, sinusoids_beside, table, recurrent, long_short);
  ModelConfig config = tiny_model()->config();
  if (variant == llama) {
    config.n_kv_head = 1;
    config.pos = Positions::rotary;
    config.window = 3;
    config.act = MlpActivation::swiglu;
  } else if (variant == sinusoids_beside) {
    config.pos = Positions::sinusoidal;
    config.pos_combine = PosCombine::concat;
    config.tie = false;
  } else if (variant == table) {
    config.arch = "bigram";
  } else if (variant == recurrent || variant == long_short) {
    config.arch = variant == recurrent ? "rnn" : "lstm";
  }
  const auto model = make_model(config, cpu(), DType::f64, 7, false);
  test::Random random("prompts");
  std::vector<GenerateRequest> requests;
  for (const int length : {3, 1, 8, 5, 12, 1, 7}) {
    requests.push_back({.prompt = {}, .sample = static_cast<uint64_t>(length)});
    for (int i = 0; i < length; ++i)
      requests.back().prompt.push_back(static_cast<int32_t>(random.integer(0, 10)));
  }
  for (const double temperature : {0.0, 1.0}) {
    GenerateOptions options{.max_new_tokens = 15,
                            .sampling = {.temperature = temperature},
                            .seed = test::run_seed(),
                            .stop_tokens = {3}};
    std::vector<std::vector<int32_t>> alone;
    std::vector<bool> alone_slid;
    for (const GenerateRequest& request : requests) {
      options.sample = request.sample;
      alone.emplace_back();
      alone_slid.push_back(generate(*model, request.prompt, options, [&](int32_t token) {
        alone.back().push_back(token);
        return alone.back().size() < 14 || request.prompt.size() < 8;
      }));
    }
    for (const size_t at_once : {size_t{1}, size_t{3}, size_t{20}}) {
      std::vector<std::vector<int32_t>> texts(requests.size());
      std::vector<int> done(requests.size());
      generate(*model, requests, options, at_once,
               {.token =
                    [&](size_t i, const Generated& g) {
                      CHECK(done[i] == 0);
                      texts[i].push_back(g.token);
                      return texts[i].size() < 14 || requests[i].prompt.size() < 8;
                    },
                .done =
                    [&](size_t i, bool slid) {
                      ++done[i];
                      CHECK(slid == alone_slid[i]);
                    }});
      CHECK(texts == alone);
      CHECK(done == std::vector<int>(requests.size(), 1));
    }
  }
  CHECK_THROWS(generate(*model, {{{1}, 0}, {{}, 0}}, {}, 2, {}));
}

TEST_CASE("generate: in a batch, a text's logits have the bits that they have alone") {
  const auto model = tiny_model();
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 20; ++i) requests.push_back({.prompt = {i % 7, (3 * i) % 5}});
  const auto logits_of = [&](size_t at_once) {
    std::vector<std::vector<double>> logits(requests.size());
    generate(*model, requests, {.max_new_tokens = 3, .sampling = {.temperature = 0}}, at_once,
             {.token =
                  [&](size_t i, const Generated& g) {
                    logits[i].insert(logits[i].end(), g.logits.begin(), g.logits.end());
                    return true;
                  },
              .done = [](size_t, bool) {}});
    return logits;
  };
  const auto together = logits_of(20), alone = logits_of(1);
  for (size_t i = 0; i < requests.size(); ++i) CHECK(together[i] == alone[i]);
}

TEST_CASE("generate: tokens follow the model's distribution, whatever is truncated") {
  if (test::left_out()) return;
  const auto model = tiny_model();
  std::vector<double> logits;
  generate(*model, {4, 2}, {.max_new_tokens = 1}, [&](const Generated& g) {
    logits = g.logits;
    return true;
  });
  for (const SamplingOptions& s : {SamplingOptions{}, SamplingOptions{.temperature = 0.6},
                                   SamplingOptions{.top_k = 3}, SamplingOptions{.top_p = 0.5},
                                   SamplingOptions{.min_p = 0.9}, SamplingOptions{.repetition_penalty = 3}}) {
    const std::vector<double> expected = sampling_distribution(logits, s, std::vector<int32_t>{4, 2});
    const uint64_t draws = test::sanitizers().empty() ? 4000 : 800;  // there each takes ten times as long
    std::vector<double> seen(expected.size());
    for (uint64_t n = 0; n < draws; ++n)
      generate(*model, {4, 2}, {.max_new_tokens = 1, .sampling = s, .seed = test::run_seed(), .sample = n},
               [&](int32_t token) { return ++seen[static_cast<size_t>(token)] > 0; });
    double chi_square = 0;
    const auto all = static_cast<double>(draws);
    for (size_t i = 0; i < seen.size(); ++i) {
      if (expected[i] == 0)
        CHECK(seen[i] == 0);
      else
        chi_square += std::pow(seen[i] - all * expected[i], 2) / (all * expected[i]);
    }
    CHECK(chi_square < 80);  // 10 degrees of freedom or fewer: by chance once in 10^12
  }
}

TEST_CASE("stop strings: found across parts, other text passes through") {
  const auto shown = [](std::vector<std::string> stops, const std::vector<std::string>& parts, bool& found) {
    StopStrings filter(std::move(stops));
    std::string text;
    for (const std::string& part : parts) text += filter.push(part);
    found = filter.found();
    return text + filter.finish();
  };
  bool found = false;
  CHECK(shown({"END"}, {"the E", "N", "D of it"}, found) == "the ");
  CHECK(found);
  CHECK(shown({"END"}, {"the E", "N", "ough"}, found) == "the ENough");
  CHECK(!found);
  CHECK(shown({"\n\n", "aab"}, {"a", "a", "a", "b", "!"}, found) == "a");
  CHECK(found);
  CHECK(shown({}, {"a", "b"}, found) == "ab");
  CHECK(shown({"abc"}, {"xab"}, found) == "xab");
  CHECK_THROWS_WITH(StopStrings({""}), Catch::Contains("empty"));
  StopStrings filter({"END"});
  CHECK(filter.push("go E") == "go ");
  CHECK(filter.push("x") == "Ex");
}

TEST_CASE("sampling distribution: temperature, top-k, ties") {
  const std::vector<double> logits{1, 3, 3, 0};
  CHECK(sampling_distribution(logits, {.temperature = 0}) == std::vector<double>{0, 1, 0, 0});
  const double e = std::exp(-1.0);
  const auto two = sampling_distribution(logits, {.temperature = 2, .top_k = 3});
  CHECK(test::close_abs(two, std::vector<double>{e / (2 + e), 1 / (2 + e), 1 / (2 + e), 0}, 1e-15));
  CHECK(sampling_distribution(logits, {.top_k = 1}) == std::vector<double>{0, 1, 0, 0});
  CHECK_THROWS_WITH(sampling_distribution(std::vector<double>{1, NAN}, {}), Catch::Contains("contain NaN"));
  CHECK_THROWS_WITH(sampling_distribution(std::vector<double>{1, INFINITY}, {}), Catch::Contains("largest"));
  CHECK(sampling_distribution(std::vector<double>{-INFINITY, 1}, {}) == std::vector<double>{0, 1});
  for (const SamplingOptions& bad :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.top_k = -1}, SamplingOptions{.top_p = 0},
        SamplingOptions{.top_p = 1.1}, SamplingOptions{.min_p = -0.1},
        SamplingOptions{.repetition_penalty = 0}})
    CHECK_THROWS(sampling_distribution(logits, bad));
}

TEST_CASE("sampling distribution: top-p, min-p and the repetition penalty, by hand") {
  const std::vector<double> logits{std::log(0.5), std::log(0.3), std::log(0.15), std::log(0.05)};
  const auto close = [](const std::vector<double>& a, const std::vector<double>& b) {
    return test::close_abs(a, b, 1e-12);
  };
  CHECK(close(sampling_distribution(logits, {.top_p = 0.4}), {1, 0, 0, 0}));
  CHECK(close(sampling_distribution(logits, {.top_p = 0.79}), {0.625, 0.375, 0, 0}));
  CHECK(close(sampling_distribution(logits, {.top_p = 0.9}), {50 / 95.0, 30 / 95.0, 15 / 95.0, 0}));
  CHECK(close(sampling_distribution(logits, {.top_p = 1}), {0.5, 0.3, 0.15, 0.05}));
  CHECK(close(sampling_distribution(logits, {.min_p = 0.25}), {50 / 95.0, 30 / 95.0, 15 / 95.0, 0}));
  CHECK(close(sampling_distribution(logits, {.min_p = 1}), {1, 0, 0, 0}));
  CHECK(close(sampling_distribution(logits, {.top_k = 2, .top_p = 0.7}), {0.625, 0.375, 0, 0}));
  const std::vector<int32_t> seen{0, 0, 2};
  const double a = std::pow(0.5, 2), b = 0.3, c = std::pow(0.15, 2), d = 0.05, sum = a + b + c + d;
  CHECK(close(sampling_distribution(logits, {.repetition_penalty = 2}, seen),
              {a / sum, b / sum, c / sum, d / sum}));
  CHECK(close(
      sampling_distribution(std::vector<double>{2, 0}, {.repetition_penalty = 2}, std::vector<int32_t>{0}),
      {std::exp(1) / (std::exp(1) + 1), 1 / (std::exp(1) + 1)}));
  CHECK(close(log_probabilities(logits), logits));
  CHECK(likeliest({1, 3, 3, 0}, 2) == std::vector<int32_t>{1, 2});
}

TEST_CASE("generate: what a text begins with is not computed again") {
  const auto model =
      make_model({.vocab_size = 30, .block_size = 300, .n_layer = 1, .n_head = 2, .n_embd = 16}, cpu(),
                 DType::f32, 3, false);
  test::Random random("beginnings");
  std::vector<int32_t> common, longer;
  for (int i = 0; i < 200; ++i) common.push_back(static_cast<int32_t>(random.integer(0, 29)));
  GenerateOptions options{.max_new_tokens = 10, .sampling = {.temperature = 0}};
  const auto flops_of = [&](const std::vector<int32_t>& prompt, std::vector<int32_t>& text) {
    Flops flops(cpu());
    text = generated(*model, prompt, options);
    return flops.all;
  };
  std::vector<int32_t> text, alone, after;
  const double whole = flops_of(common, text);
  longer = common;
  longer.insert(longer.end(), text.begin(), text.end());
  for (const int32_t token : {4, 5, 6}) longer.push_back(token);
  flops_of(longer, alone);
  options.remembered = std::make_shared<Remembered>();
  CHECK(flops_of(common, text) == whole);
  CHECK(flops_of(longer, after) < whole / 3);
  CHECK(after == alone);
  options.context.kv = KvFormat::bf16;  // other pages
  CHECK(flops_of(longer, after) > whole);

  // Of several prompts, one at a time.
  Flops flops(cpu());
  size_t texts = 0;
  generate(*model, {{common}, {common}, {longer}}, {.max_new_tokens = 10, .sampling = {.temperature = 0}}, 1,
           {.token = [](size_t, const Generated&) { return true; }, .done = [&](size_t, bool) { ++texts; }});
  CHECK(texts == 3);
  CHECK(flops.all < 1.7 * whole);
}

TEST_CASE("generate: a prompt of more tokens than go through at a time has the same logits") {
  const auto model =
      make_model({.vocab_size = 30, .block_size = 1200, .n_layer = 1, .n_head = 2, .n_embd = 12}, cpu(),
                 DType::f32, 3, false);
  test::Random random("long prompt");
  Context context(*model);
  std::vector<int32_t> prompt;
  for (int i = 0; i < 1100; ++i) {
    prompt.push_back(static_cast<int32_t>(random.integer(0, 29)));
    context.push({prompt.back()});
  }
  const NoGrad none;
  CHECK(context.next_logits() ==
        model->logits(Tensor::from(cpu(), prompt, {1, 1100}), {.last_only = true}).doubles());
}

}  // namespace hewn
