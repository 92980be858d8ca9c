#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/abi.h"
#include "kernels/qmatmul/encode/super.h"

namespace hewn {
namespace {

/// Groups of one block or several, transposed: element i of group g is at i * batch_lanes + g.
struct Batch {
  bool weighted;  ///< or all weights are 1
  float x[quantised_block * batch_lanes], w[quantised_block * batch_lanes];
  int32_t q[quantised_block * batch_lanes];
  float scale[batch_lanes], offset[batch_lanes];  ///< as stored

  HEWN_INLINE LaneGroups lanes_from(const GroupPlan& plan, int lane) const {
    return {plan, x + lane, w + lane, weighted};
  }
};

HEWN_INLINE float limited(float x, float least, float most) {
  return x < least ? least : x > most ? most : x;
}

/// The weights of a block, whose first group is number `lane` of the batch.
void set_weights(const GroupPlan& plan, const float* importance, int lane, float* w) {
  const int n = plan.elements * plan.groups;
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = importance[i] > largest ? importance[i] : largest;
  const float factor = largest < least_importance ? 0 : 1 / largest;
  for (int g = 0; g < plan.groups; ++g)
    for (int i = 0; i < plan.elements; ++i) {
      const float weight = importance[g * plan.elements + i] * factor;
      w[i * batch_lanes + lane + g] = weight < least_weight ? least_weight : weight;
    }
}

/// Fills the lanes of a batch with blocks [begin, end) of the matrix. Lanes without a group become zeros.
void gather(const EncodeBlocks& a, const GroupPlan& plan, int64_t begin, int64_t end, Batch& batch) {
  const int64_t n = plan.elements * plan.groups;
  for (int lane = 0; lane < batch_lanes; ++lane) {
    float* const to = batch.x + lane;
    if (lane < (end - begin) * plan.groups) {
      const float* x = a.x + begin * n + lane * plan.elements;
      for (int i = 0; i < plan.elements; ++i)
        to[i * batch_lanes] = limited(x[i], -most_element, most_element);
    } else {
      for (int i = 0; i < plan.elements; ++i) to[i * batch_lanes] = 0;
    }
  }
  if (a.importance)
    for (int64_t b = begin; b < end; ++b)
      set_weights(plan, a.importance + b * n % a.cols, static_cast<int>(b - begin) * plan.groups, batch.w);
}

/// The integers of all elements for the scales and offsets that were found.
HEWN_INLINE void number_elements(const GroupPlan& plan, int lane, Batch& batch) {
  const LaneGroups groups = batch.lanes_from(plan, lane);
  const vf offset = load(batch.offset + lane), inverse = reciprocal(load(batch.scale + lane));
  for (int i = 0; i < plan.elements; ++i) {
    const vf q = groups.number(load(groups.x + i * batch_lanes) - offset, inverse);
    store(batch.q + i * batch_lanes + lane, __builtin_convertvector(q, vi));
  }
}

/// The integers of the block whose first group is number `lane`.
void take_numbers(const GroupPlan& plan, const Batch& batch, int lane, int8_t* q) {
  for (int g = 0; g < plan.groups; ++g)
    for (int i = 0; i < plan.elements; ++i) *q++ = static_cast<int8_t>(batch.q[i * batch_lanes + lane + g]);
}

/// Blocks that are one group each.
void find_scales(const GroupPlan& plan, Batch& batch, BlockParts (&parts)[batch_lanes]) {
  for (int lane = 0; lane < batch_lanes; lane += W) {
    const LaneGroups groups = batch.lanes_from(plan, lane);
    store(batch.scale + lane, fit_scales<true>(groups, plan.divisors));
    store(batch.offset + lane, vf{});
  }
  for (int b = 0; b < batch_lanes; ++b) parts[b].super.scale = batch.scale[b];
}

/// The sums of the groups of a choice from number `first` on.
void take_sums(const BatchChoice& choice, const BatchFits& fits, int first, int groups, GroupSums* sums) {
  for (int g = 0; g < groups; ++g) {
    const int at = first + g;
    sums[g] = {choice.rr[at], choice.rq[at], choice.qq[at], choice.r[at], choice.q[at], fits.weight[at]};
  }
}

/// Keeps the choice for a block if its error is the least so far, and improves its scales.
void end_round(const GroupPlan& plan, const BatchChoice& choice, const BatchFits& fits, int first,
               float& error, SuperScales& super, BlockParts& parts) {
  GroupSums sums[most_block_groups];
  take_sums(choice, fits, first, plan.groups, sums);
  float all = 0;
  for (int g = 0; g < plan.groups; ++g) all += sums[g].rr;
  if (all < error) {
    error = all;
    parts.super = super;
    for (int g = 0; g < plan.groups; ++g) {
      parts.group_scale[g] = static_cast<int8_t>(choice.a[first + g]);
      parts.group_offset[g] = static_cast<int8_t>(choice.b[first + g]);
    }
  }
  const SuperScales next = least_squares(sums, choice.a + first, choice.b + first, plan.groups, super);
  super = {as_half(set1(next.scale))[0], as_half(set1(next.offset))[0]};
}

/// Blocks of several groups.
template <bool offsets>
void find_super_scales(const GroupPlan& plan, const SuperPlan& super_plan, Batch& batch,
                       BlockParts (&parts)[batch_lanes]) {
  BatchFits fits;
  for (int lane = 0; lane < batch_lanes; lane += W)
    fit_groups(batch.lanes_from(plan, lane), plan, lane, fits);
  const int blocks = batch_lanes / plan.groups;
  SuperScales super[batch_lanes];
  float error[batch_lanes];
  for (int b = 0; b < blocks; ++b) {
    const int first = b * plan.groups;
    super[b] = {common_scale(fits, first, plan.groups, super_plan),
                offsets ? common_offset(fits, first, plan.groups) : 0};
    error[b] = infinite_error;
  }
  for (int round = 0; round < super_rounds; ++round) {
    BatchChoice choice;
    float scale[batch_lanes], offset[batch_lanes];
    for (int g = 0; g < batch_lanes; ++g)
      scale[g] = super[g / plan.groups].scale, offset[g] = super[g / plan.groups].offset;
    for (int lane = 0; lane < batch_lanes; lane += W)
      choose_groups<offsets>(batch.lanes_from(plan, lane), super_plan, fits,
                             {load(scale + lane), load(offset + lane)}, lane, choice);
    for (int b = 0; b < blocks; ++b)
      end_round(plan, choice, fits, b * plan.groups, error[b], super[b], parts[b]);
  }
  for (int g = 0; g < batch_lanes; ++g) {
    const BlockParts& block = parts[g / plan.groups];
    batch.scale[g] = block.super.scale * static_cast<float>(block.group_scale[g % plan.groups]);
    batch.offset[g] = 0 - block.super.offset * static_cast<float>(block.group_offset[g % plan.groups]);
  }
}

/// Blocks [begin, end) of the matrix, at most as many as the lanes hold.
void encode_batch(const EncodeBlocks& a, int64_t begin, int64_t end, Batch& batch) {
  const GroupPlan plan = group_plan_of(a.format);
  BlockParts parts[batch_lanes];
  gather(a, plan, begin, end, batch);
  if (plan.groups == 1)
    find_scales(plan, batch, parts);
  else if (plan.offsets)
    find_super_scales<true>(plan, super_plan_of(a.format), batch, parts);
  else
    find_super_scales<false>(plan, super_plan_of(a.format), batch, parts);
  for (int lane = 0; lane < batch_lanes; lane += W) number_elements(plan, lane, batch);
  const int64_t bytes = format_of(a.format).bytes;
  for (int64_t b = begin; b < end; ++b) {
    BlockParts& block = parts[b - begin];
    take_numbers(plan, batch, static_cast<int>(b - begin) * plan.groups, block.q);
    close_block(a.format, block, static_cast<uint8_t*>(a.blocks) + b * bytes);
  }
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const EncodeBlocks& a) {
  const GroupPlan plan = group_plan_of(a.format);
  const int64_t blocks = a.rows * (a.cols / (plan.elements * plan.groups));
  const int64_t at_once = batch_lanes / plan.groups;
  parallel_for(launch, blocks_of(blocks, at_once), [&](int64_t first, int64_t last, int) {
    Batch batch;
    batch.weighted = a.importance != nullptr;
    for (float& w : batch.w) w = 1;
    for (int64_t n = first; n < last; ++n) {
      const int64_t begin = n * at_once, end = begin + at_once < blocks ? begin + at_once : blocks;
      encode_batch(a, begin, end, batch);
    }
  });
}

}  // namespace hewn
