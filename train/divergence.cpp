#include "train/divergence.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/tape.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/cross_entropy/abi.h"
#include "train/data/batch_tensors.h"

namespace hewn {
namespace {

/// Of one token.
struct TokenDivergence {
  double before = 0, after = 0;  // -log P and -log Q of the token
  double kl = 0;
  bool same_top = false;
};

/// The largest logit, its first place, and the log of the sum of exp(logit).
struct LogSum {
  double largest = 0, value = 0;
  int64_t top = 0;
};

LogSum log_sum(const float* logits, int64_t V) {
  const float* top = std::max_element(logits, logits + V);
  const auto largest = static_cast<double>(*top);
  double sum = 0;
  for (int64_t v = 0; v < V; ++v) sum += std::exp(static_cast<double>(logits[v]) - largest);
  return {largest, largest + std::log(sum), top - logits};
}

TokenDivergence of_row(const float* p, const float* q, int64_t V, int32_t token) {
  const LogSum before = log_sum(p, V), after = log_sum(q, V);
  double kl = 0;
  for (int64_t v = 0; v < V; ++v) {
    const double log_p = static_cast<double>(p[v]) - before.value,
                 log_q = static_cast<double>(q[v]) - after.value;
    kl += std::exp(log_p) * (log_p - log_q);
  }
  return {.before = before.value - static_cast<double>(p[token]),
          .after = after.value - static_cast<double>(q[token]),
          .kl = std::max(kl, 0.0),
          .same_top = before.top == after.top};
}

std::vector<float> logits_of(Model& model, const Batch& batch) {
  check_batch(model, batch);
  return model.logits(batch_tensor(model.device(), batch, batch.tokens)).values<float>();
}

Divergence summary(std::vector<TokenDivergence>& tokens) {
  Divergence d;
  d.tokens = std::ssize(tokens);
  const auto n = static_cast<double>(d.tokens);
  int64_t same = 0;
  for (const TokenDivergence& t : tokens) {
    d.loss_before += t.before / n;
    d.loss_after += t.after / n;
    d.kl_mean += t.kl / n;
    d.kl_max = std::max(d.kl_max, t.kl);
    same += t.same_top;
  }
  d.same_top = static_cast<double>(same) / n;
  finite_loss(d.loss_before, "the text under the model before");
  finite_loss(d.loss_after, "the text under the model after");
  double squares = 0;
  for (const TokenDivergence& t : tokens) {
    const double off = t.after - t.before - (d.loss_after - d.loss_before);
    squares += off * off;
  }
  d.loss_margin = d.tokens > 1 ? 1.96 * std::sqrt(squares / (n - 1) / n) : 0;
  const auto p99 = tokens.begin() + static_cast<std::ptrdiff_t>(0.99 * (n - 1));
  std::nth_element(tokens.begin(), p99, tokens.end(),
                   [](const TokenDivergence& a, const TokenDivergence& b) { return a.kl < b.kl; });
  d.kl_p99 = p99->kl;
  return d;
}

}  // namespace

Divergence divergence(Model& before, Model& after, const Dataset& data, const EvalOptions& options) {
  const NoGrad none;
  const Scope scope("eval");
  const int64_t V = before.config().outputs();
  require(after.config().outputs() == V, "the models have ", V, " and ", after.config().outputs(),
          " tokens; expected the same vocabulary");
  std::vector<TokenDivergence> all;
  each_scored_batch(before.config(), data, options, [&](const Batch& batch) {
    const std::vector<float> p = logits_of(before, batch), q = logits_of(after, batch);
    std::vector<int64_t> rows;  // with a target
    for (size_t r = 0; r < batch.targets.size(); ++r)
      if (batch.targets[r] != ignored_target) rows.push_back(static_cast<int64_t>(r));
    const size_t first = all.size();
    all.resize(first + rows.size());
    const Launch launch{.threads = executor(before.device()).threads()};
    parallel_for(launch, std::ssize(rows), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = rows[static_cast<size_t>(i)];
        all[first + static_cast<size_t>(i)] =
            of_row(p.data() + row * V, q.data() + row * V, V, batch.targets[static_cast<size_t>(row)]);
      }
    });
  });
  if (all.empty()) fail(ErrorCode::input, "the validation data has no token to score");
  return summary(all);
}

}  // namespace hewn
