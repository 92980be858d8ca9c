#include "train/scores/token_scores.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/embedding/op.h"

namespace hewn {
namespace {

/// Whether no token is likelier than the target, and no lower id equally likely.
template <class T>
bool is_likeliest(const T* logits, int32_t target, double highest) {
  const T mine = logits[target];
  return static_cast<double>(mine) >= highest && std::find(logits, logits + target, mine) == logits + target;
}

/// The scored tokens, given the logits in host memory.
template <class T>
std::vector<ScoredToken> scored(const T* logits, int64_t V, std::span<const int32_t> targets,
                                const std::vector<double>& nats, const std::vector<double>& stats) {
  std::vector<ScoredToken> found;
  for (size_t r = 0; r < targets.size(); ++r)
    if (targets[r] != ignored_target)
      found.push_back({targets[r], -nats[r],
                       is_likeliest(logits + static_cast<int64_t>(r) * V, targets[r], stats[2 * r])});
  return found;
}

}  // namespace

std::vector<ScoredToken> score_targets(const Tensor& all_logits, std::span<const int32_t> targets) {
  const Tensor logits = all_logits.dtype() == DType::f64 ? all_logits : as_type(all_logits, DType::f32);
  const int64_t rows = logits.rows(), V = logits.cols();
  require(static_cast<int64_t>(targets.size()) == rows, targets.size(), " targets for ", rows,
          " rows of logits; expected one each");
  if (std::all_of(targets.begin(), targets.end(), [](int32_t t) { return t == ignored_target; })) return {};
  for (const int32_t& target : targets)
    if (target != ignored_target) check_ids({&target, 1}, V, "target");
  const Tensor ids = Tensor::from(logits.device(), targets, {rows});
  const Tensor losses = logits.like({rows}), stats = logits.like({rows, 2});
  run(logits.device(), CrossEntropyForward{logits.dtype(), rows, V, logits.data(), ids.ptr<int32_t>(),
                                           losses.data(), stats.data()});
  const std::vector<double> nats = losses.doubles(), highest = stats.doubles();
  if (logits.device().kind() != Device::Kind::cpu)
    return scored(logits.doubles().data(), V, targets, nats, highest);
  return logits.dtype() == DType::f64 ? scored(logits.ptr<double>(), V, targets, nats, highest)
                                      : scored(logits.ptr<float>(), V, targets, nats, highest);
}

}  // namespace hewn
