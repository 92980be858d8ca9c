#pragma once
// Blocks of several groups: the groups' scales and offsets become integers times two scales of the block.
// Like lanes.h, this repeats ref.cpp operation by operation. Compiled per instruction set; included only by
// simd*.cpp.

#include "kernels/qmatmul/encode/lanes.h"

namespace hewn {
namespace {

/// The fits of a batch's groups, as in ref.cpp.
struct BatchFits {
  float scale[batch_lanes], offset[batch_lanes], mean[batch_lanes], curvature[batch_lanes],
      weight[batch_lanes], unused[batch_lanes];
};

/// Integers for scales and offsets of a batch's groups, and the resulting sums.
struct BatchChoice {
  float a[batch_lanes], b[batch_lanes];
  float rr[batch_lanes], rq[batch_lanes], qq[batch_lanes], r[batch_lanes], q[batch_lanes];
};

/// Fits the groups in the lanes from `lane` on.
HEWN_INLINE void fit_groups(const LaneGroups& groups, const GroupPlan& plan, int lane, BatchFits& fits) {
  if (!plan.offsets) {
    const vf scale = fit_scales<false>(groups, plan.divisors);
    store(fits.scale + lane, scale);
    store(fits.curvature + lane, measure<false>(groups, scale, vf{}).qq);
    store(fits.offset + lane, vf{});
    store(fits.mean + lane, vf{});
    store(fits.weight + lane, vf{});
    return;
  }
  const vf weight = sum_weights(groups);
  const LaneRangeFit fit = fit_ranges(groups, weight);
  const LaneSums sums = measure<true>(groups, fit.scale, fit.offset);
  const vf mean = sums.q / weight, inverse = reciprocal(fit.scale);
  const LaneRange range = range_of(groups);
  const vf lowest = groups.number(range.least - fit.offset, inverse);
  store(fits.scale + lane, fit.scale);
  store(fits.offset + lane, min(fit.offset + lowest * fit.scale, vf{}));
  store(fits.mean + lane, mean - lowest);
  store(fits.curvature + lane, sums.qq - sums.q * mean);
  store(fits.weight + lane, weight);
  store(fits.unused + lane, groups.most - (groups.number(range.most - fit.offset, inverse) - lowest));
}

/// Candidate k of a search and the following ones, one per lane.
HEWN_INLINE vf candidates(float extreme, const Divisors& divisors, int k) {
  const vf number = __builtin_convertvector(lane_index() + k, vf);
  return as_half(extreme / (divisors.first + number * divisors.step));
}

/// The first candidate with the least error.
struct BestCandidate {
  float scale = 0, error = infinite_error;

  HEWN_INLINE void consider(vf scales, vf errors) {
    for (int i = 0; i < W; ++i)
      if (errors[i] < error) scale = scales[i], error = errors[i];
  }
};

/// The common scale of `groups` groups from number `first` on.
__attribute__((noinline)) float common_scale(const BatchFits& fits, int first, int groups,
                                             const SuperPlan& plan) {
  float least = 0, most = 0;
  for (int g = first; g < first + groups; ++g) {
    least = fits.scale[g] < least ? fits.scale[g] : least;
    most = fits.scale[g] > most ? fits.scale[g] : most;
  }
  const float extreme = -least > most ? least : most;
  BestCandidate best;
  for (int k = 0; k < plan.divisors.count; k += W) {
    const vf scale = candidates(extreme, plan.divisors, k), inverse = reciprocal(scale);
    vf error{};
    for (int g = first; g < first + groups; ++g) {
      const vf number = nearest(fits.scale[g] * inverse, set1(plan.least), set1(plan.most));
      const vf rest = fits.scale[g] - scale * number;
      error += fits.curvature[g] * (rest * rest);
    }
    best.consider(scale, error);
  }
  return best.scale;
}

/// The errors of candidates for an offset, times the weight.
HEWN_INLINE vf offset_errors(const BatchFits& fits, int g, vf candidate, vf inverse) {
  vf least = set1(infinite_error);
  for (int shift = 0; shift <= most_shift; ++shift) {
    const auto lower = static_cast<float>(shift);
    const float offset = lower * fits.scale[g] - fits.offset[g];
    const vf rest = offset - candidate * nearest(offset * inverse, vf{}, set1(most_group_offset));
    if (lower <= fits.unused[g]) least = min(least, rest * rest);
  }
  return fits.weight[g] * least;
}

__attribute__((noinline)) float common_offset(const BatchFits& fits, int first, int groups) {
  int lowest = first;
  for (int g = first + 1; g < first + groups; ++g)
    if (fits.offset[g] < fits.offset[lowest]) lowest = g;
  const float extremes[] = {-fits.offset[lowest], fits.scale[lowest] - fits.offset[lowest]};
  BestCandidate best;
  for (const float extreme : extremes)
    for (int k = 0; k < offset_divisors.count; k += W) {
      const vf candidate = candidates(extreme, offset_divisors, k), inverse = reciprocal(candidate);
      vf error{};
      for (int g = first; g < first + groups; ++g) error += offset_errors(fits, g, candidate, inverse);
      best.consider(candidate, error);
    }
  return best.scale;
}

/// For the groups in some lanes: the scales of scales and offsets of their blocks.
struct LaneSupers {
  vf scale, offset;
};

/// The best integers for the groups in the lanes from `lane` on.
template <bool offsets>
__attribute__((noinline)) void choose_groups(const LaneGroups& groups, const SuperPlan& plan,
                                             const BatchFits& fits, LaneSupers super, int lane,
                                             BatchChoice& choice) {
  const vf least = set1(plan.least), most = set1(plan.most);
  const vf of_scale = reciprocal(super.scale), of_offset = reciprocal(super.offset);
  const vf fit_scale = load(fits.scale + lane), fit_offset = load(fits.offset + lane);
  const vf mean = load(fits.mean + lane), middle = nearest(fit_scale * of_scale, least, most);
  vf best_a{}, best_b{};
  LaneSums best{};
  best.rr = set1(infinite_error);
  for (const float change : {0.0f, -1.0f, 1.0f}) {
    const vf a = nearest(middle + change, least, most), scale = super.scale * a;
    const vf offset = fit_offset + (fit_scale - scale) * mean;
    for (int shift = 0; shift <= (offsets ? most_shift : 0); ++shift) {
      const vf b = nearest((to_float(shift) * scale - offset) * of_offset, vf{}, set1(most_group_offset));
      const LaneSums sums = measure<offsets>(groups, scale, 0.0f - super.offset * b);
      const vi better = sums.rr < best.rr;
      best_a = better ? a : best_a, best_b = better ? b : best_b;
      best = {better ? sums.rr : best.rr, better ? sums.rq : best.rq, better ? sums.qq : best.qq,
              better ? sums.r : best.r, better ? sums.q : best.q};
    }
  }
  store(choice.a + lane, best_a), store(choice.b + lane, best_b);
  store(choice.rr + lane, best.rr), store(choice.rq + lane, best.rq), store(choice.qq + lane, best.qq);
  store(choice.r + lane, best.r), store(choice.q + lane, best.q);
}

}  // namespace
}  // namespace hewn
