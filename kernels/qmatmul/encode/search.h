#pragma once
// Shared by the rungs of EncodeBlocks: the candidates of the search, and the conversion of its result to
// blocks. The search is defined in float32, operation by operation and element by element, so that all rungs
// find the same numbers.

#include <cstdint>

#include "kernels/qmatmul/abi.h"

namespace hewn {

/// Candidates for a scale: the extreme, which is the value of largest magnitude, divided by first + k * step for k from
/// 0 to count - 1.
struct Divisors {
  float first, step;
  int count;  ///< a multiple of 16 in a SuperPlan
};

/// The search for the scales of a format's groups. Without offsets, the extreme becomes the least integer
/// (there is one more negative integer than positive ones), is clamped to it, or comes close to it. Elements
/// that already are integers times a scale keep that scale: the divisors include all integers from the
/// largest down to half of it, and a smaller integer times a scale equals twice the integer times half the
/// scale.
struct GroupPlan {
  int elements, groups;  ///< of a group; of a block
  bool offsets;
  float least, most;  ///< largest integer of an element
  Divisors divisors;  ///< without offsets
};

[[gnu::always_inline]] inline constexpr GroupPlan group_plan_of(BlockType format) {
  const NumberRange range = numbers_in(format);
  const auto least = static_cast<float>(range.least), most = static_cast<float>(range.most);
  switch (format) {
    case BlockType::q8_0: return {32, 1, false, least, most, {-128, 1, 65}};
    case BlockType::q4_0: return {32, 1, false, least, most, {-10, 0.25f, 25}};
    case BlockType::q5_0: return {32, 1, false, least, most, {-18, 0.25f, 41}};
    case BlockType::q4_k:
    case BlockType::q5_k: return {32, 8, true, least, most, {}};
    default: return {16, 16, false, least, most, {-33.5f, 0.5f, 36}};  // q6_k
  }
}

/// Candidates for scale and offset of a group with offsets: `below` and `above` steps are clamped at the two
/// ends of its range, or unused if negative. The first candidates suit elements that already are integers
/// times a scale.
struct RangeEnds {
  float below, above;
};
constexpr RangeEnds range_ends[] = {
    {0, 0},          {0, -1},         {0, -2},        {0, -3},         {0, -4},         {0, -5},
    {-0.5f, -0.5f},  {-0.5f, -0.07f}, {-0.5f, 0.37f}, {-0.5f, 0.8f},   {-0.07f, -0.5f}, {-0.07f, -0.07f},
    {-0.07f, 0.37f}, {-0.07f, 0.8f},  {0.37f, -0.5f}, {0.37f, -0.07f}, {0.37f, 0.37f},  {0.37f, 0.8f},
    {0.8f, -0.5f},   {0.8f, -0.07f},  {0.8f, 0.37f},  {0.8f, 0.8f},
};

/// After the best divisor of a group's scale, those up to three quarters of a step on both sides are tried.
inline constexpr int quarter_steps = 3;

/// How many times the best candidate is replaced by the least squares solution for its integers.
inline constexpr int least_squares_rounds = 2;

/// The search for the block's scale: the groups' scales are integers times this scale.
struct SuperPlan {
  float least, most;  ///< largest integer of a group's scale
  Divisors divisors;
};
[[gnu::always_inline]] inline constexpr SuperPlan super_plan_of(BlockType format) {
  if (format == BlockType::q6_k) return {-128, 127, {-128, 0.5f, 128}};
  return {0, 63, {63, -0.5f, 64}};
}
/// The same for offsets. If a group does not use the integers 0 to k - 1, its offset may be k scales lower;
/// all k up to `most_shift` are tried.
inline constexpr float most_group_offset = 63;
inline constexpr Divisors offset_divisors{63, -1, 32};
inline constexpr int most_shift = 2;
/// The number of rounds that choose integers for all groups. Before each round but the first, the scales of
/// scales and offsets become the least squares solution for the previous integers.
inline constexpr int super_rounds = 2;

/// Scales are limited to the largest number in half precision.
inline constexpr float most_half = 65504;
/// Elements are limited to this, so that their squares are finite. No format has larger values than 65504 * 128 * 32.
inline constexpr float most_element = 0x1p30f;
/// The weights of a block are divided by the largest of them, and are at least this: columns without
/// importance only break ties.
inline constexpr float least_weight = 0x1p-60f;
/// A largest importance below this counts as none: its reciprocal might be infinite.
inline constexpr float least_importance = 0x1p-100f;
/// Smaller scales count as zero: they cannot be stored, and their reciprocals might be infinite.
inline constexpr float least_scale = 0x1p-100f;
/// Two equations are not solved if their determinant divided by its first product is below this.
inline constexpr float least_determinant = 1e-6f;

/// Weighted sums over the elements of a group, with r = x - scale q - offset: of w r^2, w r q, w q^2, w r, w q and w.
struct GroupSums {
  float rr, rq, qq, r, q, w;
};

/// The scales of the groups' scales and offsets.
struct SuperScales {
  float scale, offset;
};

/// The least squares solution for given integers: group g has the scale scale * a[g] and the offset -offset *
/// b[g], and `sums` are computed with `now`. Not rounded to half precision.
SuperScales least_squares(const GroupSums* sums, const float* a, const float* b, int groups, SuperScales now);

/// The parts of a block before encoding. Element i is scale * group_scale[i / group] * q[i], minus offset *
/// group_offset[i / group] if the format has offsets. Blocks of 32 have no group scales: theirs is 1.
struct BlockParts {
  int8_t q[most_block_elements];
  SuperScales super;  ///< numbers in half precision
  int8_t group_scale[most_block_groups], group_offset[most_block_groups];
};

/// Writes a block of one of the formats that `multiplied_as_they_are` accepts: the inverse of BlockFormat::open.
void close_block(BlockType format, const BlockParts& parts, uint8_t* block);

}  // namespace hewn
