// Evaluation against the same numbers computed one token at a time.

#include "train/eval.h"

#include <algorithm>
#include <cmath>

#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/train/tiny.h"

namespace hewn {
namespace {

/// log softmax(logits)[target] in double, and whether the target is the first of the highest.
ScoredToken score_of(Model& model, const std::vector<int32_t>& context, int32_t target) {
  const NoGrad none;
  const auto T = static_cast<int64_t>(context.size());
  const std::vector<double> all = model.logits(Tensor::from(cpu(), context, {1, T})).doubles();
  const std::vector<double> logits(all.end() - model.config().vocab_size, all.end());
  double sum = 0;
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    sum += std::exp(logits[i]);
    if (logits[i] > logits[best]) best = i;
  }
  return {target, logits[static_cast<size_t>(target)] - std::log(sum), best == static_cast<size_t>(target)};
}

/// Windows as Hugging Face's page "Perplexity of fixed-length models" lays them, with block_size inputs each:
/// begin, end and what was scored before, one token at a time.
std::vector<ScoredToken> brute_force(Model& model, const std::vector<int32_t>& ids, int64_t T,
                                     int64_t stride) {
  std::vector<ScoredToken> scores;
  const auto n = static_cast<int64_t>(ids.size());
  for (int64_t begin = 0, scored = 1; scored < n; begin += stride) {
    const int64_t end = std::min(begin + T + 1, n);
    for (; scored < end; ++scored)
      scores.push_back(
          score_of(model, {ids.begin() + begin, ids.begin() + scored}, ids[static_cast<size_t>(scored)]));
  }
  return scores;
}

/// A model whose logits are far apart, for initial weights make all tokens alike.
std::unique_ptr<Model> sure_model(ModelConfig config, DType dtype = DType::f32) {
  auto model = make_model(config, cpu(), dtype, test::run_seed(), false);
  for (Parameter& p : model->parameters().all()) {
    if (p.shape.rank() != 2) continue;
    for (int64_t i = 0; i < p.value.numel(); ++i) {
      if (dtype == DType::f64)
        p.value.ptr<double>()[i] *= 10;
      else
        p.value.ptr<float>()[i] *= 10;
    }
  }
  return model;
}

Dataset dataset_of(const std::vector<int32_t>& ids) {
  Dataset data;
  data.vocab_size = 11;
  data.val.resize(1);
  data.val[0].name = "ids";
  data.val[0].tokens = Tokens(ids);
  data.val[0].text_bytes = 3 * ids.size();
  data.val_weights = {1};
  return data;
}

std::vector<int32_t> random_ids(test::Random& random, int64_t n) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(random.integer(0, 10)));
  return ids;
}

/// Compares sums and every token.
void check_same(Model& model, const Dataset& data, EvalOptions options,
                const std::vector<ScoredToken>& expected) {
  std::vector<ScoredToken> found;
  options.each = [&](const ScoredToken& token) { found.push_back(token); };
  const Evaluation e = evaluate(model, data, options);
  REQUIRE(found.size() == expected.size());
  double nats = 0, hits = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].token == expected[i].token);
    CHECK(std::abs(found[i].log_probability - expected[i].log_probability) <= 2e-5);
    CHECK(found[i].likeliest == expected[i].likeliest);
    nats -= expected[i].log_probability;
    hits += expected[i].likeliest;
  }
  const auto n = static_cast<double>(expected.size());
  CHECK(e.tokens == std::ssize(expected));
  CHECK(std::abs(e.loss - nats / n) <= 2e-5);
  CHECK(std::abs(e.perplexity() - std::exp(nats / n)) <= 1e-4 * e.perplexity());
  CHECK(std::abs(e.accuracy - hits / n) <= 1e-12);
  REQUIRE(e.bits_per_byte);
  CHECK(std::abs(*e.bits_per_byte - nats / n / 3 / std::log(2.0)) <= 2e-5);
}

}  // namespace

TEST_CASE("eval: every stride scores each token once, as scoring one token at a time does", "[eval]") {
  const auto model = sure_model(test::tiny_model());
  test::Random random("texts");
  for (const int64_t length : {2, 5, 8, 9, 10, 16, 17, 25, 60}) {
    const std::vector<int32_t> ids = random_ids(random, length);
    for (const int64_t stride : {1, 3, 7, 8}) {
      INFO("length " << length << ", stride " << stride);
      const auto expected = brute_force(*model, ids, 8, stride);
      REQUIRE(std::ssize(expected) == length - 1);
      check_same(*model, dataset_of(ids), {.block_size = 8, .stride = stride}, expected);
    }
  }
}

TEST_CASE("eval: without a stride only whole windows are scored, in float and double", "[eval]") {
  const DType dtype = GENERATE(DType::f32, DType::f64);
  const auto model = sure_model(test::tiny_model(), dtype);
  test::Random random("texts");
  const std::vector<int32_t> ids = random_ids(random, 8 * 600 + 6);  // more than one batch
  auto expected = brute_force(*model, {ids.begin(), ids.begin() + 8 * 600 + 1}, 8, 8);
  check_same(*model, dataset_of(ids), {.block_size = 8}, expected);
  const Evaluation e = evaluate(*model, dataset_of(ids), {.block_size = 8});
  CHECK(e.windows == 600);
  const auto pair = [&](int64_t stride) {
    return evaluate(*model, dataset_of(ids), {.block_size = 8, .stride = stride});
  };
  CHECK(pair(8).tokens == 8 * 600 + 5);  // the last window, too
  CHECK(pair(8).windows == 601);
  const std::vector<int32_t> few(ids.begin(), ids.begin() + 8);  // a token less than a window and its targets
  check_same(*model, dataset_of(few), {.block_size = 8}, brute_force(*model, few, 8, 8));
}

TEST_CASE("eval: each document has its own window for any stride", "[eval]") {
  const auto model = sure_model(test::tiny_model());
  const std::vector<int32_t> ids{3, 1, 4, 0, 1, 0, 5, 9, 2, 6, 0};
  Dataset data = dataset_of(ids);
  data.val[0].separator = 0;
  data.val[0].find_documents();
  std::vector<ScoredToken> expected;
  std::vector<int32_t> context{0};
  for (const int32_t id : ids) {
    expected.push_back(score_of(*model, context, id));
    context.push_back(id);
    if (id == 0) context = {0};
  }
  for (const int64_t stride : {0, 2}) check_same(*model, data, {.block_size = 8, .stride = stride}, expected);
}

TEST_CASE("eval: the token that precedes every text begins each window, and all tokens are scored",
          "[eval]") {
  const auto model = sure_model(test::tiny_model());
  test::Random random("texts");
  const int32_t first = 7;
  // Of documents, the first is longer than a window.
  for (const bool documents : {false, true}) {
    std::vector<int32_t> ids = random_ids(random, 21);
    if (documents) std::replace(ids.begin(), ids.end(), first, first + 1), ids[18] = ids[20] = first;
    Dataset data = dataset_of(ids);
    data.score_as({.begin = first, .own_windows = documents});
    for (const int64_t stride : {0, 3, 8}) {
      std::vector<ScoredToken> expected;
      const std::vector<std::pair<int64_t, int64_t>> texts =
          documents ? std::vector<std::pair<int64_t, int64_t>>{{0, 19}, {19, 21}}
                    : std::vector<std::pair<int64_t, int64_t>>{{0, 21}};
      for (const auto& [begin, end] : texts)
        for (int64_t window = begin, scored = begin; scored < end; window += stride == 0 ? 8 : stride)
          for (; scored < std::min(window + 8, end); ++scored) {
            std::vector<int32_t> context{first};
            context.insert(context.end(), ids.begin() + window, ids.begin() + scored);
            expected.push_back(score_of(*model, context, ids[static_cast<size_t>(scored)]));
          }
      check_same(*model, data, {.block_size = 8, .stride = stride}, expected);
    }
  }
}

TEST_CASE("eval: among equal logits the first is the most likely", "[eval]") {
  ModelConfig config = test::tiny_model();
  auto model = make_model(config, cpu(), DType::f32, 1, false);
  for (Parameter& p : model->parameters().all()) p.value.zero();
  const Evaluation e = evaluate(*model, dataset_of({1, 0, 1, 0, 2, 0, 3, 0, 4}), {.block_size = 8});
  CHECK(std::abs(e.loss - std::log(11.0)) <= 1e-6);
  CHECK(e.accuracy == 0.5);
}

TEST_CASE("eval: invalid data and options are refused", "[eval]") {
  const auto model = sure_model(test::tiny_model());
  const auto of = [&](const Dataset& data, EvalOptions options) {
    return test::thrown_by([&] { evaluate(*model, data, options); });
  };
  CHECK(of({}, {.block_size = 8}).says("no validation data"));
  CHECK(of(dataset_of({1}), {.block_size = 8, .stride = 4}).says("at least 2"));
  CHECK(of(dataset_of({1, 2, 3}), {.block_size = 8, .stride = 9}).says("1 to 8"));
  CHECK(of(dataset_of({1, 2, 3}), {.block_size = 8, .stride = -1}).says("1 to 8"));
  const auto outside = of(dataset_of({1, 2, 11}), {.block_size = 8, .stride = 1});
  CHECK(outside.code == ErrorCode::input);
  CHECK(outside.says("11"));
}

TEST_CASE("eval: a GPU scores every token as the CPU does", "[eval][gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  test::Random random("texts");
  const std::vector<int32_t> ids = random_ids(random, 25);
  const auto on_cpu = make_model(test::tiny_model(), cpu(), DType::f32, 1, false);
  const auto on_gpu = make_model(test::tiny_model(), *gpu, DType::f32, 1, false);
  check_same(*on_gpu, dataset_of(ids), {.block_size = 8, .stride = 8}, brute_force(*on_cpu, ids, 8, 8));
}

}  // namespace hewn
