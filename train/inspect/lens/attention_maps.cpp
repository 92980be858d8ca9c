#include "train/inspect/lens/attention_maps.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/error.h"

namespace hewn {
namespace {

const Tensor& saved_field(const Node& node, std::string_view name) {
  for (const SavedField& field : node.saved())
    if (field.name == name) return field.value->peek();
  fail(ErrorCode::failed, place_of(node), " saved no ", name);
}

}  // namespace

AttentionMaps attention_maps(const Node& node, const ModelConfig& config) {
  const Tensor &packed = saved_field(node, "qkv"), &log_sums = saved_field(node, "lse");
  const std::vector<double> qkv = packed.doubles(), lse = log_sums.doubles();
  const int64_t H = config.n_head, Hkv = config.kv_heads(), D = config.head_size(), row = config.qkv_size();
  const int64_t T = std::ssize(qkv) / row, window = config.window > 0 ? config.window : T;
  require(packed.shape() == Shape{1, T, row} && log_sums.shape() == Shape{1, H, T}, place_of(node),
          ": expected one sequence of ", H, " heads");
  AttentionMaps maps{.H = H, .T = T, .p = std::vector<double>(static_cast<size_t>(H * T * T))};
  const double scale = 1 / std::sqrt(static_cast<double>(D));
  for (int64_t h = 0; h < H; ++h)
    for (int64_t i = 0; i < T; ++i)
      for (int64_t j = std::max<int64_t>(0, i - window + 1); j <= i; ++j) {
        const double* const q = &qkv[static_cast<size_t>(i * row + h * D)];
        const double* const k = &qkv[static_cast<size_t>(j * row + (H + h / (H / Hkv)) * D)];
        double s = 0;
        for (int64_t d = 0; d < D; ++d) s += q[d] * k[d];
        maps.p[static_cast<size_t>((h * T + i) * T + j)] =
            std::exp(scale * s - lse[static_cast<size_t>(h * T + i)]);
      }
  return maps;
}

HeadFigures figures_of(const AttentionMaps& maps, int64_t head) {
  HeadFigures mean;
  const double queries = static_cast<double>(std::max<int64_t>(1, maps.T - 1));
  for (int64_t i = 1; i < maps.T; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      const double p = maps.at(head, i, j);
      if (p != 0) mean.entropy -= p * std::log(p) / queries;  // NaN stays NaN
      mean.distance += p * static_cast<double>(i - j) / queries;
    }
    mean.previous += maps.at(head, i, i - 1) / queries;
  }
  return mean;
}

double induction_score(const AttentionMaps& maps, int64_t head, int64_t period) {
  double sum = 0;
  for (int64_t i = period; i < maps.T; ++i) sum += maps.at(head, i, i - period + 1);
  return maps.T > period ? sum / static_cast<double>(maps.T - period) : 0;
}

}  // namespace hewn
