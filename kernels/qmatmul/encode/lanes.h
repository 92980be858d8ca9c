#pragma once
// The search of ref.cpp for as many groups as a vector has lanes: each lane does what the reference does for one
// group, operation by operation, so that the bits are the same on every instruction set. For that reason it
// uses no fused multiply-add. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/qmatmul/encode/search.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// Groups that are encoded together, in one vector or several.
constexpr int batch_lanes = 16;

constexpr float infinite_error = __builtin_inff();

HEWN_INLINE vf to_float(int x) { return set1(static_cast<float>(x)); }

/// The nearest number in half precision, ties to even, at most `most_half`.
HEWN_INLINE vf as_half(vf x) {
  const vf size = min(set1(most_half), abs(x));
  const vi bits = as_int(size);
  const vf normal = as_float((bits + 0xfff + (bits >> 13 & 1)) & ~0x1fff);
  const vf subnormal = (size + 0.5f) - 0.5f;  // a multiple of 2^-24
  const vf rounded = size < 0x1p-14f ? subnormal : normal;
  return as_float(as_int(rounded) | (as_int(x) & INT32_MIN));
}

HEWN_INLINE vf reciprocal(vf scale) { return abs(scale) < least_scale ? vf{} : 1.0f / scale; }

/// Adding 1.5 * 2^23 rounds to the nearest integer, ties to even.
HEWN_INLINE vf nearest(vf x, vf least, vf most) {
  const vf shift = set1(12582912.0f);
  return (min(most, max(least, x)) + shift) - shift;
}

/// Element i of the groups is at x + i * batch_lanes, its weight at w + i * batch_lanes.
struct LaneGroups {
  const float *x, *w;
  bool weighted;  ///< or all weights are 1
  int elements;
  vf least, most;

  LaneGroups(const GroupPlan& plan, const float* elements_at, const float* weights_at, bool with_weights)
      : x(elements_at),
        w(weights_at),
        weighted(with_weights),
        elements(plan.elements),
        least(set1(plan.least)),
        most(set1(plan.most)) {}

  HEWN_INLINE vf number(vf y, vf inverse) const { return nearest(y * inverse, least, most); }
};

/// GroupSums in lanes, without the sum of the weights.
struct LaneSums {
  vf rr, rq, qq, r, q;
};

/// `offsets`: whether the format has offsets; if not, r and q are not summed.
template <bool offsets>
HEWN_INLINE LaneSums measure(const LaneGroups& groups, vf scale, vf offset) {
  LaneSums sums{};
  const vf inverse = reciprocal(scale);
  for (int i = 0; i < groups.elements; ++i) {
    const vf x = load(groups.x + i * batch_lanes), w = load(groups.w + i * batch_lanes);
    const vf y = offsets ? x - offset : x;
    const vf q = groups.number(y, inverse), r = y - scale * q, wr = w * r, wq = w * q;
    sums.rr += wr * r, sums.rq += wr * q, sums.qq += wq * q;
    if constexpr (offsets) sums.r += wr, sums.q += wq;
  }
  return sums;
}

HEWN_INLINE vf sum_weights(const LaneGroups& groups) {
  vf sum{};
  for (int i = 0; i < groups.elements; ++i) sum += load(groups.w + i * batch_lanes);
  return sum;
}

/// The ends of each group's range, which includes zero.
struct LaneRange {
  vf least, most;
};
HEWN_INLINE LaneRange range_of(const LaneGroups& groups) {
  LaneRange range{};
  for (int i = 0; i < groups.elements; ++i) {
    const vf x = load(groups.x + i * batch_lanes);
    range = {min(range.least, x), max(range.most, x)};
  }
  return range;
}

/// The sum of squared errors of a scale. Stops early once the sum reaches `enough` in every lane: most
/// candidates exceed the best one's error after half of their elements.
template <bool weighted>
HEWN_INLINE vf error_of(const LaneGroups& groups, vf scale, vf enough) {
  constexpr int steps = 8;
  const vf inverse = reciprocal(scale);
  vf sum{};
  for (int begin = 0; begin < groups.elements; begin += steps) {
    for (int i = begin; i < begin + steps; ++i) {
      const vf x = load(groups.x + i * batch_lanes), r = x - scale * groups.number(x, inverse);
      sum += weighted ? load(groups.w + i * batch_lanes) * r * r : r * r;
    }
    if (!any(sum < enough)) break;
  }
  return sum;
}

struct LaneScaleFit {
  vf scale, error, divisor;

  HEWN_INLINE void keep_better(const LaneScaleFit& other) {
    const vi better = other.error < error;
    scale = better ? other.scale : scale, error = better ? other.error : error;
    divisor = better ? other.divisor : divisor;
  }
};

/// Replaces the best fit by the fit of a divisor, if that is better.
template <bool stored, bool weighted>
HEWN_INLINE void consider_divisor(const LaneGroups& groups, vf extreme, vf divisor, LaneScaleFit& best) {
  const vf candidate = extreme / divisor, scale = stored ? as_half(candidate) : candidate;
  best.keep_better({scale, error_of<weighted>(groups, scale, best.error), divisor});
}

template <bool stored, bool weighted>
__attribute__((noinline)) LaneScaleFit best_candidate(const LaneGroups& groups, const Divisors& divisors) {
  const LaneRange range = range_of(groups);
  const vf extreme = -range.least > range.most ? range.least : range.most;
  LaneScaleFit best{vf{}, set1(infinite_error), vf{}};
  for (int k = 0; k < divisors.count; ++k)
    consider_divisor<stored, weighted>(groups, extreme,
                                       set1(divisors.first + static_cast<float>(k) * divisors.step), best);
  const vf middle = best.divisor;
  for (int k = -quarter_steps; k <= quarter_steps; ++k)
    if (k != 0)
      consider_divisor<stored, weighted>(groups, extreme,
                                         middle + static_cast<float>(k) * (divisors.step / 4), best);
  return best;
}

template <bool stored>
HEWN_INLINE vf fit_scales(const LaneGroups& groups, const Divisors& divisors) {
  LaneScaleFit best = groups.weighted ? best_candidate<stored, true>(groups, divisors)
                                      : best_candidate<stored, false>(groups, divisors);
  vf scale = best.scale;
  for (int round = 0; round <= least_squares_rounds; ++round) {
    const LaneSums sums = measure<false>(groups, scale, vf{});
    best.keep_better({scale, sums.rr, best.divisor});
    const vf change = sums.qq > 0.0f ? sums.rq / sums.qq : vf{};
    scale = stored ? as_half(scale + change) : scale + change;
  }
  return best.scale;
}

struct LaneRangeFit {
  vf scale, offset, error;
};

/// Replaces the best fit by the least squares solution for the integers of a scale and an offset, if it is better.
HEWN_INLINE void consider_range(const LaneGroups& groups, vf weight, vf scale, vf offset,
                                LaneRangeFit& best) {
  const LaneSums s = measure<true>(groups, scale, offset);
  const vf first = weight * s.qq, determinant = first - s.q * s.q;
  const vi solvable = determinant > least_determinant * first;
  vf of_scale = solvable ? (weight * s.rq - s.q * s.r) / determinant : vf{};
  vf of_offset = solvable ? (s.qq * s.r - s.q * s.rq) / determinant : vf{};
  const vi positive = offset + of_offset > 0.0f;
  of_offset = positive ? -offset : of_offset;
  const vf without = s.qq > 0.0f ? (s.rq + offset * s.q) / s.qq : vf{};
  of_scale = positive ? without : of_scale;
  const vf linear = of_scale * s.rq + of_offset * s.r;
  const vf square = of_scale * (of_scale * s.qq + 2.0f * of_offset * s.q) + of_offset * of_offset * weight;
  const vf error = (s.rr - 2.0f * linear) + square;
  const vi better = error < best.error;
  best = {better ? scale + of_scale : best.scale, better ? offset + of_offset : best.offset,
          better ? error : best.error};
}

__attribute__((noinline)) LaneRangeFit fit_ranges(const LaneGroups& groups, vf weight) {
  const LaneRange range = range_of(groups);
  LaneRangeFit best{vf{}, vf{}, set1(infinite_error)};
  for (const RangeEnds& ends : range_ends) {
    const vf scale = (range.most - range.least) / (groups.most + (ends.below + ends.above));
    consider_range(groups, weight, scale, min(range.least + ends.below * scale, vf{}), best);
  }
  for (int round = 0; round < least_squares_rounds; ++round)
    consider_range(groups, weight, best.scale, best.offset, best);
  return best;
}

}  // namespace
}  // namespace hewn
