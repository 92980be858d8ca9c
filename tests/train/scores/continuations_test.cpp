// Scores of many continuations at once against one token at a time.

#include "train/scores/continuations.h"

#include <cmath>

#include "tests/support/gpu.h"
#include "tests/train/tiny.h"

namespace hewn {
namespace {

/// A model whose logits are far apart, for initial weights make all tokens alike.
std::unique_ptr<Model> sure_model(const ModelConfig& config, Device& device = cpu(),
                                  DType dtype = DType::f64) {
  auto model = make_model(config, device, dtype, test::run_seed(), false);
  for (Parameter& p : model->parameters().all()) {
    if (p.shape.rank() != 2) continue;
    std::vector<double> values = p.value.doubles();
    for (double& v : values) v *= 10;
    if (dtype == DType::f64) {
      p.value.upload(values.data());
    } else {
      const std::vector<float> floats(values.begin(), values.end());
      p.value.upload(floats.data());
    }
  }
  return model;
}

std::vector<ScoredToken> one_by_one(Model& model, const Continuation& sequence) {
  const NoGrad none;
  std::vector<ScoredToken> scores;
  for (auto t = sequence.begin; t < std::ssize(sequence.tokens); ++t) {
    const std::vector<int32_t> before(sequence.tokens.begin(), sequence.tokens.begin() + t);
    const std::vector<double> all = model.logits(Tensor::from(model.device(), before, {1, t})).doubles();
    const std::vector<double> logits(all.end() - model.config().vocab_size, all.end());
    double sum = 0;
    size_t best = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      sum += std::exp(logits[i]);
      if (logits[i] > logits[best]) best = i;
    }
    const auto target = static_cast<size_t>(sequence.tokens[static_cast<size_t>(t)]);
    scores.push_back({static_cast<int32_t>(target), logits[target] - std::log(sum), best == target});
  }
  return scores;
}

/// Questions of all lengths that fit: some with a common beginning, some with none, some with one choice.
std::vector<Alternatives> random_questions(test::Random& random, const ModelConfig& config, int count) {
  const auto token = [&] { return static_cast<int32_t>(random.integer(0, config.vocab_size - 1)); };
  std::vector<Alternatives> questions;
  for (int q = 0; q < count; ++q) {
    const int64_t context = random.integer(1, config.block_size);
    std::vector<int32_t> shared;
    for (int64_t i = 0; i < context; ++i) shared.push_back(token());
    Alternatives choices;
    for (int64_t n = random.integer(1, 4); n > 0; --n) {
      Continuation choice{.tokens = shared, .begin = random.integer(1, context)};
      for (int64_t more = random.integer(1, config.block_size + 1 - context); more > 0; --more)
        choice.tokens.push_back(token());
      if (random.integer(0, 3) == 0) choice.tokens[0] = token();
      choices.push_back(choice);
    }
    questions.push_back(choices);
  }
  return questions;
}

void check_scores(Model& model, const std::vector<Alternatives>& questions, const PassLimits& limits,
                  double tolerance) {
  const auto found = score_continuations(model, questions, limits);
  REQUIRE(found.size() == questions.size());
  for (size_t q = 0; q < questions.size(); ++q) {
    REQUIRE(found[q].size() == questions[q].size());
    for (size_t c = 0; c < questions[q].size(); ++c) {
      const std::vector<ScoredToken> want = one_by_one(model, questions[q][c]);
      REQUIRE(found[q][c].size() == want.size());
      for (size_t t = 0; t < want.size(); ++t) {
        CHECK(found[q][c][t].token == want[t].token);
        CHECK(std::abs(found[q][c][t].log_probability - want[t].log_probability) <= tolerance);
        CHECK(found[q][c][t].likeliest == want[t].likeliest);
      }
    }
  }
}

}  // namespace

TEST_CASE("continuations: shared beginnings and padding change no score", "[scores]") {
  test::Random random("questions");
  ModelConfig config = test::tiny_model();
  SECTION("learned positions") {}
  SECTION("rotary positions, fewer heads of keys") {
    config.pos = Positions::rotary;
    config.n_kv_head = 1;
  }
  SECTION("a window") { config.window = 3; }
  SECTION("no cache") { config.arch = "bigram"; }
  const auto model = sure_model(config);
  const std::vector<Alternatives> questions = random_questions(random, config, 30);
  check_scores(*model, questions, {}, 1e-9);
  // Passes of one sequence, and others that end at different places.
  check_scores(*model, questions, {.tokens = 1, .logits_bytes = 1, .cache_bytes = 1}, 1e-9);
  check_scores(*model, questions, {.tokens = 20, .logits_bytes = 2000, .cache_bytes = 20000}, 1e-9);
}

TEST_CASE("continuations: the same bits for any number of threads", "[scores]") {
  test::Random random("questions");
  const ModelConfig config = test::tiny_model();
  const std::vector<Alternatives> questions = random_questions(random, config, 20);
  std::vector<std::vector<double>> all;
  for (const int threads : {1, 3}) {
    const auto device = make_cpu(threads);
    const auto model = sure_model(config, *device, DType::f32);
    all.emplace_back();
    for (const auto& question : score_continuations(*model, questions))
      for (const auto& choice : question)
        for (const ScoredToken& token : choice) all.back().push_back(token.log_probability);
  }
  CHECK(all[0] == all[1]);
}

TEST_CASE("continuations: a GPU scores as the CPU does", "[scores][gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  test::Random random("questions");
  const ModelConfig config = test::tiny_model();
  const auto model = sure_model(config, cpu(), DType::f32), there = sure_model(config, *gpu, DType::f32);
  const std::vector<Alternatives> questions = random_questions(random, config, 3);
  const auto found = score_continuations(*there, questions), want = score_continuations(*model, questions);
  for (size_t q = 0; q < questions.size(); ++q)
    for (size_t c = 0; c < questions[q].size(); ++c)
      for (size_t t = 0; t < want[q][c].size(); ++t)
        CHECK(std::abs(found[q][c][t].log_probability - want[q][c][t].log_probability) <= 1e-3);
}

TEST_CASE("continuations: sequences that cannot be scored are refused", "[scores]") {
  const auto model = sure_model(test::tiny_model());
  const auto of = [&](const Continuation& sequence) {
    return test::thrown_by([&] { score_continuations(*model, std::vector<Alternatives>{{sequence}}); });
  };
  CHECK(of({.tokens = {1, 2}, .begin = 0}).says("scored from token 0"));
  CHECK(of({.tokens = {1, 2}, .begin = 2}).says("2 tokens"));
  CHECK(of({.tokens = std::vector<int32_t>(10, 1), .begin = 1}).says("at most 9"));
  const auto outside = of({.tokens = {1, 2, 11}, .begin = 1});
  CHECK(outside.code == ErrorCode::input);
  CHECK(outside.says("11"));
  CHECK(score_continuations(*model, {}).empty());
}

}  // namespace hewn
