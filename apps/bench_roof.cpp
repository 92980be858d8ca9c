#include "apps/bench_roof.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "kernels/roof/roof.h"

namespace hewn::cli {

double floor_seconds(const Case& c, Isa level, int threads) {
  static std::map<std::tuple<DType, Isa, int>, double> flops;
  static std::map<std::tuple<size_t, Isa, int>, double> bandwidth;
  const Cost cost = c.cost();
  double& peak = flops[{c.dtype(), level, threads}];
  if (peak == 0) peak = measured_flops(c.dtype(), level, threads);
  size_t set = 1;
  while (static_cast<double>(set) < cost.bytes) set *= 2;
  double& speed = bandwidth[{set, level, threads}];
  if (speed == 0) speed = measured_bandwidth(set, level, threads);
  return std::max(cost.flops / peak, cost.bytes / speed);
}

}  // namespace hewn::cli
