#include "model/weights/gguf/allocate_bits.h"

#include <algorithm>
#include <numeric>

namespace hewn {
namespace {

/// Divergence saved for each byte between two costs.
double slope(const FormatCost& smaller, const FormatCost& larger) {
  return (smaller.divergence - larger.divergence) / static_cast<double>(larger.bytes - smaller.bytes);
}

/// The costs, smallest first, at which each step saves less for a byte than the one before.
std::vector<size_t> hull_of(const std::vector<FormatCost>& costs) {
  std::vector<size_t> order(costs.size()), hull;
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return costs[a].bytes != costs[b].bytes ? costs[a].bytes < costs[b].bytes
                                            : costs[a].divergence < costs[b].divergence;
  });
  for (const size_t next : order) {
    if (!hull.empty() && costs[next].divergence >= costs[hull.back()].divergence) continue;
    while (hull.size() > 1 &&
           slope(costs[hull[hull.size() - 2]], costs[hull.back()]) <= slope(costs[hull.back()], costs[next]))
      hull.pop_back();
    hull.push_back(next);
  }
  return hull;
}

}  // namespace

std::vector<size_t> allocate_bits(const std::vector<std::vector<FormatCost>>& matrices, int64_t most) {
  std::vector<std::vector<size_t>> hulls;
  std::vector<size_t> step(matrices.size());
  int64_t left = most;
  for (const auto& costs : matrices) {
    hulls.push_back(hull_of(costs));
    left -= costs[hulls.back()[0]].bytes;
  }
  if (left < 0) return {};
  while (true) {
    size_t best = matrices.size();
    double saved = 0;
    for (size_t m = 0; m < matrices.size(); ++m) {
      if (step[m] + 1 == hulls[m].size()) continue;
      const FormatCost &now = matrices[m][hulls[m][step[m]]], &next = matrices[m][hulls[m][step[m] + 1]];
      if (next.bytes - now.bytes <= left && slope(now, next) > saved) saved = slope(now, next), best = m;
    }
    if (best == matrices.size()) break;
    const size_t from = hulls[best][step[best]], to = hulls[best][++step[best]];
    left -= matrices[best][to].bytes - matrices[best][from].bytes;
  }
  std::vector<size_t> chosen;
  for (size_t m = 0; m < matrices.size(); ++m) chosen.push_back(hulls[m][step[m]]);
  return chosen;
}

}  // namespace hewn
