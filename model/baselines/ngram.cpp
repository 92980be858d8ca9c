#include "model/baselines/ngram.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/embedding/op.h"

namespace hewn {
namespace {

/// D(0) = 0 and the three discounts, from the counts of the n-grams of one length.
std::array<double, 4> estimated_discounts(const std::vector<int32_t>& counts) {
  std::array<double, 5> n{};
  for (const int32_t count : counts)
    if (count >= 1 && count <= 4) ++n[static_cast<size_t>(count)];
  const double y = n[1] > 0 && n[2] > 0 ? n[1] / (n[1] + 2 * n[2]) : 0.5;
  std::array<double, 4> d{};
  for (size_t i = 1; i <= 3; ++i) {
    const auto count = static_cast<double>(i);
    d[i] = n[i] > 0 && n[i + 1] > 0 ? count - (count + 1) * y * n[i + 1] / n[i] : -1;
    if (!(d[i] > 0 && d[i] <= count)) return {0, y, y, y};
  }
  return d;
}

}  // namespace

Ngram::Ngram(const ModelConfig& config) : Model(config), tables_(config.order) {
  take(NgramTables(config.order));
}

void Ngram::take(NgramTables tables) {
  tables_ = std::move(tables);
  discounts_.clear();
  for (int64_t n = 1; n <= tables_.order(); ++n)
    discounts_.push_back(estimated_discounts(tables_.level(n).counts));
  const double V = static_cast<double>(config().vocab_size);
  unigrams_.assign(static_cast<size_t>(config().vocab_size), 1 / V);
  const Extensions all = extensions(1, 0);
  if (all.total == 0) return;
  for (double& p : unigrams_) p *= all.passed_on;
  for (int64_t i = all.begin; i < all.end; ++i)
    unigrams_[static_cast<size_t>(tables_.level(1).tokens[static_cast<size_t>(i)])] +=
        discounted(1, i) / all.total;
}

void Ngram::take_tables(const NamedTensors& from) {
  take(NgramTables(config().order, config().vocab_size, from));
}

void Ngram::count(std::span<const int32_t> text) { take(NgramTables(config().order, text)); }

double Ngram::discounted(int64_t n, int64_t place) const {
  const int32_t count = tables_.level(n).counts[static_cast<size_t>(place)];
  return count - discounts(n)[static_cast<size_t>(std::min(count, 3))];
}

Ngram::Extensions Ngram::extensions(int64_t n, int64_t shorter) const {
  const NgramLevel& level = tables_.level(n);
  Extensions found{.length = n,
                   .begin = level.first[static_cast<size_t>(shorter)],
                   .end = level.first[static_cast<size_t>(shorter) + 1],
                   .total = 0,
                   .passed_on = 0,
                   .shorter = shorter};
  std::array<int64_t, 4> having{};
  for (int64_t i = found.begin; i < found.end; ++i) {
    const int32_t count = level.counts[static_cast<size_t>(i)];
    found.total += count;
    ++having[static_cast<size_t>(std::min(count, 3))];
  }
  if (found.total == 0) return found;
  for (size_t i = 1; i <= 3; ++i) found.passed_on += discounts(n)[i] * static_cast<double>(having[i]);
  found.passed_on /= found.total;
  return found;
}

// If a context occurred, so did every end of it.
std::vector<Ngram::Extensions> Ngram::matching(std::span<const int32_t> context) const {
  std::vector<Extensions> all;
  const auto most = std::min(static_cast<int64_t>(context.size()), tables_.order() - 1);
  for (int64_t n = 1; n <= most; ++n) {
    const auto place = tables_.find(context.last(static_cast<size_t>(n)));
    if (!place) break;
    const Extensions found = extensions(n + 1, *place);
    if (found.total == 0) break;
    all.push_back(found);
  }
  return all;
}

double Ngram::probability(std::span<const int32_t> context, int32_t token) const {
  double p = unigrams_[static_cast<size_t>(token)];
  for (const Extensions& in : matching(context)) {
    p *= in.passed_on;
    if (const auto place = tables_.find(in.length, in.shorter, token))
      p += discounted(in.length, *place) / in.total;
  }
  return p;
}

std::vector<double> Ngram::distribution(std::span<const int32_t> context) const {
  const std::vector<Extensions> all = matching(context);
  std::vector<double> p = unigrams_;
  double factor = 1;  // of what shorter contexts give
  for (const Extensions& in : all) factor *= in.passed_on;
  for (double& x : p) x *= factor;
  for (const Extensions& in : all) {
    factor /= in.passed_on;
    for (int64_t i = in.begin; i < in.end; ++i)
      p[static_cast<size_t>(tables_.level(in.length).tokens[static_cast<size_t>(i)])] +=
          factor * discounted(in.length, i) / in.total;
  }
  return p;
}

std::span<const int32_t> Ngram::context_of(const std::vector<int32_t>& tokens, int64_t row_begin,
                                           int64_t at) const {
  const int64_t n = std::min(at + 1 - row_begin, tables_.order() - 1);
  return std::span(tokens).subspan(static_cast<size_t>(at + 1 - n), static_cast<size_t>(n));
}

std::vector<double> Ngram::losses_of(const Tensor& tokens, const Tensor& targets,
                                     const ForwardOptions& options) const {
  require(!options.step_state.defined(), "arch = ngram is trained by counting (`hewn train`), not in steps");
  require(tokens.shape() == targets.shape(), "tokens are ", tokens.shape(), ", targets ", targets.shape());
  check_tokens(tokens, {});
  const std::vector<int32_t> ids = tokens.values<int32_t>(), wanted = targets.values<int32_t>();
  check_ids(ids, config().vocab_size, "token");
  for (const int32_t target : wanted)
    if (target != ignored_target) check_ids(std::span(&target, 1), config().vocab_size, "target");
  const int64_t T = tokens.dim(1);
  std::vector<double> losses(ids.size());
  parallel_for(
      {.threads = executor(device()).threads()}, tokens.numel(), [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i)
          if (const int32_t target = wanted[static_cast<size_t>(i)]; target != ignored_target)
            losses[static_cast<size_t>(i)] = -std::log(probability(context_of(ids, i / T * T, i), target));
      });
  return losses;
}

Tensor Ngram::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  double sum = 0;
  for (const double loss : losses_of(tokens, targets, options)) sum += loss;
  const std::vector<int32_t> wanted = targets.values<int32_t>();
  const auto n = static_cast<double>(
      std::count_if(wanted.begin(), wanted.end(), [](int32_t t) { return t != ignored_target; }));
  return Tensor::from(device(), std::vector<double>{sum / n}, {});
}

Tensor Ngram::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  return Tensor::from(device(), losses_of(tokens, targets, options), targets.shape());
}

Tensor Ngram::logits(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, {});
  const std::vector<int32_t> ids = tokens.values<int32_t>();
  check_ids(ids, config().vocab_size, "token");
  const int64_t B = tokens.dim(0), T = tokens.dim(1), V = config().vocab_size,
                rows = options.last_only ? 1 : T;
  std::vector<double> logs(static_cast<size_t>(B * rows * V));
  parallel_for({.threads = executor(device()).threads()}, B * rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row_begin = r / rows * T, at = row_begin + T - rows + r % rows;
      const std::vector<double> p = distribution(context_of(ids, row_begin, at));
      std::transform(p.begin(), p.end(), logs.begin() + r * V, [](double x) { return std::log(x); });
    }
  });
  const Shape shape{B, rows, V};
  if (parameters().dtype() == DType::f64) return Tensor::from(device(), logs, shape);
  return Tensor::from(device(), std::vector<float>(logs.begin(), logs.end()), shape);
}

}  // namespace hewn
