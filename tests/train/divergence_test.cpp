// The divergence of two models against the same numbers computed row by row, in double.

#include "train/divergence.h"

#include <algorithm>
#include <cmath>

#include "tests/support/close.h"
#include "tests/support/errors.h"
#include "tests/train/tiny.h"

namespace hewn {
namespace {

Dataset text_of_squares(int64_t tokens, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < tokens; ++i) ids.push_back(static_cast<int32_t>(i * i % vocabulary));
  Dataset data;
  data.vocab_size = vocabulary;
  data.val.resize(1);
  data.val[0].name = "text";
  data.val[0].tokens = Tokens(ids);
  return data;
}

/// Initial weights make all tokens nearly alike; these do not.
std::unique_ptr<Model> decided_model(const ModelConfig& config, uint64_t seed) {
  auto model = make_model(config, cpu(), DType::f32, seed, false);
  for (Parameter& p : model->parameters().all())
    for (int64_t i = 0; i < p.value.numel(); ++i)
      p.value.ptr<float>()[i] *= p.shape.rank() == 2 ? 10.0f : 1.0f;
  return model;
}

/// log softmax of a row.
std::vector<double> log_softmax(const double* logits, int64_t V) {
  const double largest = *std::max_element(logits, logits + V);
  double sum = 0;
  for (int64_t v = 0; v < V; ++v) sum += std::exp(logits[v] - largest);
  std::vector<double> logs(logits, logits + V);
  for (double& log : logs) log -= largest + std::log(sum);
  return logs;
}

}  // namespace

TEST_CASE("divergence: a model does not diverge from itself") {
  const ModelConfig config = test::tiny_model();
  const auto model = decided_model(config, 1);
  const Divergence d =
      divergence(*model, *model, text_of_squares(50, config.vocab_size), {.block_size = 8, .stride = 8});
  CHECK(d.tokens == 49);
  CHECK(d.kl_mean == 0);
  CHECK(d.kl_p99 == 0);
  CHECK(d.kl_max == 0);
  CHECK(d.same_top == 1);
  CHECK(d.loss_before == d.loss_after);
  CHECK(d.loss_margin == 0);
}

TEST_CASE("divergence: one token has no margin, and none is an error") {
  const ModelConfig config = test::tiny_model();
  const auto a = decided_model(config, 1), b = decided_model(config, 2);
  const Divergence one =
      divergence(*a, *b, text_of_squares(2, config.vocab_size), {.block_size = 8, .stride = 8});
  CHECK(one.tokens == 1);
  CHECK(one.loss_margin == 0);
  CHECK(one.kl_mean == one.kl_max);
  CHECK_ERROR(divergence(*a, *b, text_of_squares(1, config.vocab_size), {.block_size = 8, .stride = 8}),
              ErrorCode::input, "token");
}

TEST_CASE("divergence: equals its definition") {
  const ModelConfig config = test::tiny_model();
  const auto before = decided_model(config, 1), after = decided_model(config, 2);
  const int64_t V = config.vocab_size, T = config.block_size;
  const Dataset data = text_of_squares(T * 40 + 1, V);
  const Divergence d = divergence(*before, *after, data, {.block_size = T});
  REQUIRE(d.tokens == T * 40);
  std::vector<double> kls, differences;
  double same = 0, loss_before = 0, loss_after = 0;
  const NoGrad none;
  for (int64_t w = 0; w < 40; ++w) {
    std::vector<int32_t> tokens(static_cast<size_t>(T)), targets(tokens);
    data.val[0].tokens.copy(w * T, T, tokens.data());
    data.val[0].tokens.copy(w * T + 1, T, targets.data());
    const Tensor ids = Tensor::from(cpu(), tokens, {1, T});
    const std::vector<double> x = before->logits(ids).doubles(), y = after->logits(ids).doubles();
    for (int64_t t = 0; t < T; ++t) {
      const auto p = log_softmax(x.data() + t * V, V), q = log_softmax(y.data() + t * V, V);
      double kl = 0;
      for (size_t v = 0; v < p.size(); ++v) kl += std::exp(p[v]) * (p[v] - q[v]);
      kls.push_back(kl);
      const auto target = static_cast<size_t>(targets[static_cast<size_t>(t)]);
      loss_before -= p[target], loss_after -= q[target];
      differences.push_back(p[target] - q[target]);
      same += std::max_element(p.begin(), p.end()) - p.begin() ==
              std::max_element(q.begin(), q.end()) - q.begin();
    }
  }
  const auto n = static_cast<double>(kls.size());
  double mean = 0, squares = 0, kl = 0;
  for (const double x : differences) mean += x / n;
  for (const double x : differences) squares += (x - mean) * (x - mean);
  for (const double x : kls) kl += x / n;
  std::sort(kls.begin(), kls.end());
  CHECK(d.loss_before == Approx(loss_before / n).epsilon(1e-6));
  CHECK(d.loss_after == Approx(loss_after / n).epsilon(1e-6));
  CHECK(d.loss_margin == Approx(1.96 * std::sqrt(squares / (n - 1) / n)).epsilon(1e-6));
  CHECK(d.kl_mean == Approx(kl).epsilon(1e-6));
  CHECK(d.kl_p99 == Approx(kls[static_cast<size_t>(0.99 * (n - 1))]).epsilon(1e-6));
  CHECK(d.kl_max == Approx(kls.back()).epsilon(1e-6));
  CHECK(d.same_top == Approx(same / n).epsilon(1e-6));
  CHECK(d.kl_max > d.kl_p99);
}

TEST_CASE("divergence: models of different vocabularies are refused") {
  ModelConfig config = test::tiny_model();
  const auto model = decided_model(config, 1);
  config.vocab_size += 1;
  const auto other = decided_model(config, 1);
  const Dataset data = text_of_squares(50, 11);
  CHECK_THROWS_AS(divergence(*model, *other, data, {.block_size = 8}), Error);
}

}  // namespace hewn
