#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/qmatmul/abi.h"
#include "kernels/qmatmul/encode/search.h"

namespace hewn {
namespace {

constexpr float infinite = std::numeric_limits<float>::infinity();

float as_half(float x) { return static_cast<float>(Float16(std::clamp(x, -most_half, most_half))); }
float reciprocal(float scale) { return std::abs(scale) < least_scale ? 0 : 1 / scale; }
float nearest(float x, float least, float most) { return std::nearbyint(std::clamp(x, least, most)); }

/// A group's elements and their weights.
struct Group {
  const float *x, *w;
  GroupPlan plan;
};

/// The integer of an element, given the reciprocal of the scale.
float number(const Group& group, float x, float offset, float inverse) {
  return nearest((x - offset) * inverse, group.plan.least, group.plan.most);
}

GroupSums measure(const Group& group, float scale, float offset) {
  GroupSums sums{};
  const float inverse = reciprocal(scale);
  for (int i = 0; i < group.plan.elements; ++i) {
    const float q = number(group, group.x[i], offset, inverse), w = group.w[i];
    const float r = (group.x[i] - offset) - scale * q, wr = w * r, wq = w * q;
    sums.rr += wr * r, sums.rq += wr * q, sums.qq += wq * q;
    sums.r += wr, sums.q += wq, sums.w += w;
  }
  return sums;
}

/// The value of largest magnitude; of two, the positive one.
float extreme_of(const float* x, int n) {
  float least = 0, most = 0;
  for (int i = 0; i < n; ++i) least = std::min(least, x[i]), most = std::max(most, x[i]);
  return -least > most ? least : most;
}

/// A scale, and the sum of squared errors that it has.
struct ScaleFit {
  float scale, error;
};
void keep_better(ScaleFit& best, float scale, float error) {
  if (error < best.error) best = {scale, error};
}

/// The divisor of the extreme that gives the scale with the least error.
float best_divisor(const Group& group, float extreme, const auto& storable) {
  const Divisors& divisors = group.plan.divisors;
  float best = 0, least = infinite;
  const auto consider = [&](float divisor) {
    const float error = measure(group, storable(extreme / divisor), 0).rr;
    if (error < least) best = divisor, least = error;
  };
  for (int k = 0; k < divisors.count; ++k) consider(divisors.first + static_cast<float>(k) * divisors.step);
  const float middle = best;
  for (int k = -quarter_steps; k <= quarter_steps; ++k)
    if (k != 0) consider(middle + static_cast<float>(k) * (divisors.step / 4));
  return best;
}

/// The scale with the least error of a group without offsets, a number in half precision if it is to be stored: that of
/// the best divisor, or what least squares make of it.
float fit_scale(const Group& group, bool stored) {
  const auto storable = [stored](float scale) { return stored ? as_half(scale) : scale; };
  const float extreme = extreme_of(group.x, group.plan.elements);
  float scale = storable(extreme / best_divisor(group, extreme, storable));
  ScaleFit best{0, infinite};
  for (int round = 0; round <= least_squares_rounds; ++round) {
    const GroupSums sums = measure(group, scale, 0);
    keep_better(best, scale, sums.rr);
    scale = storable(scale + (sums.qq > 0 ? sums.rq / sums.qq : 0));
  }
  return best.scale;
}

struct RangeFit {
  float scale, offset, error;
};

/// The least squares solution for the integers of a scale and an offset, which stays at most 0.
RangeFit improved_range(const Group& group, float scale, float offset) {
  const GroupSums s = measure(group, scale, offset);
  const float first = s.w * s.qq, determinant = first - s.q * s.q;
  const bool solvable = determinant > least_determinant * first;
  float of_scale = solvable ? (s.w * s.rq - s.q * s.r) / determinant : 0;
  float of_offset = solvable ? (s.qq * s.r - s.q * s.rq) / determinant : 0;
  if (offset + of_offset > 0) {
    of_offset = -offset;
    of_scale = s.qq > 0 ? (s.rq + offset * s.q) / s.qq : 0;
  }
  const float linear = of_scale * s.rq + of_offset * s.r;
  const float square = of_scale * (of_scale * s.qq + 2 * of_offset * s.q) + of_offset * of_offset * s.w;
  return {scale + of_scale, offset + of_offset, (s.rr - 2 * linear) + square};
}

/// Scale and offset with the least error of a group.
RangeFit fit_range(const Group& group) {
  float least = 0, most = 0;
  for (int i = 0; i < group.plan.elements; ++i)
    least = std::min(least, group.x[i]), most = std::max(most, group.x[i]);
  RangeFit best{0, 0, infinite};
  const auto consider = [&](float scale, float offset) {
    const RangeFit fit = improved_range(group, scale, offset);
    if (fit.error < best.error) best = fit;
  };
  for (const RangeEnds& ends : range_ends) {
    const float scale = (most - least) / (group.plan.most + (ends.below + ends.above));
    consider(scale, std::min(least + ends.below * scale, 0.0f));
  }
  for (int round = 0; round < least_squares_rounds; ++round) consider(best.scale, best.offset);
  return best;
}

/// What is known of a group of a large block before its scale and offset become integers.
struct GroupFit {
  float scale, offset;
  float mean;       ///< of its integers, if there are offsets
  float curvature;  ///< of the error, as a function of the scale
  float weight;     ///< the same, of the offset
  float unused;     ///< integers above the largest that occurs; the least is 0
};

GroupFit fit_group(const Group& group) {
  GroupFit fit{};
  if (!group.plan.offsets) {
    fit.scale = fit_scale(group, false);
    fit.curvature = measure(group, fit.scale, 0).qq;
    return fit;
  }
  const RangeFit range = fit_range(group);
  const GroupSums sums = measure(group, range.scale, range.offset);
  const float mean = sums.q / sums.w, inverse = reciprocal(range.scale);
  float least = 0, most = 0;
  for (int i = 0; i < group.plan.elements; ++i)
    least = std::min(least, group.x[i]), most = std::max(most, group.x[i]);
  // The same values with integers from 0 on: of all forms of a group, the one with the highest offset.
  const float lowest = number(group, least, range.offset, inverse);
  fit.scale = range.scale, fit.offset = std::min(range.offset + lowest * range.scale, 0.0f);
  fit.mean = mean - lowest;
  fit.curvature = sums.qq - sums.q * mean;
  fit.weight = sums.w;
  fit.unused = group.plan.most - (number(group, most, range.offset, inverse) - lowest);
  return fit;
}

/// A scale of which the groups' scales are nearly multiples.
float common_scale(const GroupFit* fits, int groups, const SuperPlan& plan) {
  float scales[most_block_groups];
  for (int g = 0; g < groups; ++g) scales[g] = fits[g].scale;
  const float extreme = extreme_of(scales, groups);
  ScaleFit best{0, infinite};
  for (int k = 0; k < plan.divisors.count; ++k) {
    const float scale = as_half(extreme / (plan.divisors.first + static_cast<float>(k) * plan.divisors.step));
    const float inverse = reciprocal(scale);
    float error = 0;
    for (int g = 0; g < groups; ++g) {
      const float rest = scales[g] - scale * nearest(scales[g] * inverse, plan.least, plan.most);
      error += fits[g].curvature * (rest * rest);
    }
    keep_better(best, scale, error);
  }
  return best.scale;
}

/// The least square of what a candidate leaves of a group's offset or of a lower one.
float offset_error(const GroupFit& fit, float candidate) {
  const float inverse = reciprocal(candidate);
  float least = infinite;
  for (int shift = 0; shift <= most_shift; ++shift) {
    const auto lower = static_cast<float>(shift);
    const float offset = lower * fit.scale - fit.offset;
    const float rest = offset - candidate * nearest(offset * inverse, 0, most_group_offset);
    if (lower <= fit.unused) least = std::min(least, rest * rest);
  }
  return least;
}

/// The same for offsets. The largest may itself be one scale lower.
float common_offset(const GroupFit* fits, int groups) {
  int lowest = 0;
  for (int g = 1; g < groups; ++g)
    if (fits[g].offset < fits[lowest].offset) lowest = g;
  const float extremes[] = {-fits[lowest].offset, fits[lowest].scale - fits[lowest].offset};
  ScaleFit best{0, infinite};
  for (const float extreme : extremes)
    for (int k = 0; k < offset_divisors.count; ++k) {
      const float candidate =
          as_half(extreme / (offset_divisors.first + static_cast<float>(k) * offset_divisors.step));
      float error = 0;
      for (int g = 0; g < groups; ++g) error += fits[g].weight * offset_error(fits[g], candidate);
      keep_better(best, candidate, error);
    }
  return best.scale;
}

/// The integers of the groups' scales and offsets, and what they lead to.
struct Choice {
  SuperScales super;
  float a[most_block_groups], b[most_block_groups];
  GroupSums sums[most_block_groups];
  float error;
};

/// The best integers for the scale and the offset of group g: those next to its fit, and lower offsets.
void choose_group(const Group& group, const GroupFit& fit, const SuperPlan& plan, int g, Choice& choice) {
  const SuperScales super = choice.super;
  const float of_scale = reciprocal(super.scale), of_offset = reciprocal(super.offset);
  choice.sums[g].rr = infinite;
  for (const float change : {0.0f, -1.0f, 1.0f}) {
    const float a =
        nearest(nearest(fit.scale * of_scale, plan.least, plan.most) + change, plan.least, plan.most);
    const float scale = super.scale * a, offset = fit.offset + (fit.scale - scale) * fit.mean;
    for (int shift = 0; shift <= (group.plan.offsets ? most_shift : 0); ++shift) {
      const float b = nearest((static_cast<float>(shift) * scale - offset) * of_offset, 0, most_group_offset);
      const GroupSums sums = measure(group, scale, 0 - super.offset * b);
      if (sums.rr < choice.sums[g].rr) choice.a[g] = a, choice.b[g] = b, choice.sums[g] = sums;
    }
  }
}

/// Encodes a block of several groups.
void encode_super(const Group* groups, const SuperPlan& plan, BlockParts& parts) {
  const int n = groups[0].plan.groups;
  GroupFit fits[most_block_groups];
  for (int g = 0; g < n; ++g) fits[g] = fit_group(groups[g]);
  Choice best{}, choice{};
  best.error = infinite;
  choice.super = {common_scale(fits, n, plan), groups[0].plan.offsets ? common_offset(fits, n) : 0};
  for (int round = 0; round < super_rounds; ++round) {
    choice.error = 0;
    for (int g = 0; g < n; ++g) {
      choose_group(groups[g], fits[g], plan, g, choice);
      choice.error += choice.sums[g].rr;
    }
    if (choice.error < best.error) best = choice;
    const SuperScales next = least_squares(choice.sums, choice.a, choice.b, n, choice.super);
    choice.super = {as_half(next.scale), as_half(next.offset)};
  }
  parts.super = best.super;
  for (int g = 0; g < n; ++g) {
    parts.group_scale[g] = static_cast<int8_t>(best.a[g]);
    parts.group_offset[g] = static_cast<int8_t>(best.b[g]);
  }
}

/// The weights of a block's n elements.
void set_weights(const float* importance, int n, float* w) {
  const float largest = importance ? *std::max_element(importance, importance + n) : 0;
  const float factor = largest < least_importance ? 0 : 1 / largest;
  for (int i = 0; i < n; ++i) w[i] = importance ? std::max(importance[i] * factor, least_weight) : 1;
}

void encode_block(BlockType format, const float* from, const float* importance, uint8_t* block) {
  const GroupPlan plan = group_plan_of(format);
  const int n = plan.elements * plan.groups;
  float x[most_block_elements], w[most_block_elements];
  for (int i = 0; i < n; ++i) x[i] = std::clamp(from[i], -most_element, most_element);
  set_weights(importance, n, w);
  Group groups[most_block_groups];
  for (int g = 0; g < plan.groups; ++g) groups[g] = {x + g * plan.elements, w + g * plan.elements, plan};
  BlockParts parts{};
  if (plan.groups > 1)
    encode_super(groups, super_plan_of(format), parts);
  else
    parts.super.scale = fit_scale(groups[0], true), parts.group_scale[0] = 1;
  for (int i = 0; i < n; ++i) {
    const int g = i / plan.elements;
    const float scale = parts.super.scale * static_cast<float>(parts.group_scale[g]);
    const float offset = 0 - parts.super.offset * static_cast<float>(parts.group_offset[g]);
    parts.q[i] = static_cast<int8_t>(number(groups[g], x[i], offset, reciprocal(scale)));
  }
  close_block(format, parts, block);
}

}  // namespace

SuperScales least_squares(const GroupSums* sums, const float* a, const float* b, int groups,
                          SuperScales now) {
  float aa = 0, ab = 0, bb = 0, ra = 0, rb = 0;
  for (int g = 0; g < groups; ++g) {
    const GroupSums& s = sums[g];
    aa += a[g] * a[g] * s.qq, ab -= a[g] * b[g] * s.q, bb += b[g] * b[g] * s.w;
    ra += a[g] * s.rq, rb -= b[g] * s.r;
  }
  const float first = aa * bb, determinant = first - ab * ab;
  if (determinant > least_determinant * first)
    return {now.scale + (bb * ra - ab * rb) / determinant, now.offset + (aa * rb - ab * ra) / determinant};
  return {now.scale + (aa > 0 ? ra / aa : 0), now.offset};
}

template <>
void kernel<"reference">(const Launch&, const EncodeBlocks& a) {
  const BlockFormat& format = format_of(a.format);
  const int64_t blocks = a.cols / format.elements;
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t col = b * format.elements;
      encode_block(a.format, a.x + r * a.cols + col, a.importance ? a.importance + col : nullptr,
                   static_cast<uint8_t*>(a.blocks) + (r * blocks + b) * format.bytes);
    }
}

}  // namespace hewn
