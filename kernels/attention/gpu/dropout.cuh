#pragma once
// Dropout of probabilities in GPU code. One Philox block decides on four probabilities that are 16 keys
// apart, if all four are in the same 64 elements of the mask; the next block decides on the others. Kernels
// therefore request four at a time, and count elements in 32 bits.

#include "kernels/attention/abi.h"
#include "kernels/dropout/mask.cuh"

namespace hewn {
namespace {

/// The parameters of the dropout mask.
struct DropoutMask {
  uint32_t threshold;
  float factor;  ///< of the elements that are kept
};
inline DropoutMask mask_of(const AttentionSizes& a) {
  return {a.dropout > 0 ? dropout_threshold(a.dropout) : 0, static_cast<float>(1 / (1 - a.dropout))};
}

/// The parameters that decide which elements this step keeps; the state is read only with dropout.
struct Dropping {
  StepState state;
  uint32_t site, threshold;
};
__device__ __forceinline__ Dropping dropping(const AttentionSizes& a, const DropoutMask& mask) {
  return {*a.state, a.site, mask.threshold};
}

/// Where a query's row begins in the mask: at element 64 group + offset. Groups are counted modulo 2^32,
/// since Philox numbers a group's blocks with 32 bits.
struct MaskRow {
  uint32_t group, offset;
};
__device__ __forceinline__ MaskRow mask_row(const AttentionSizes& a, int bh, int i) {
  const int64_t at = (bh * a.Tq + i) * a.Tk;
  return {static_cast<uint32_t>(at / 64), static_cast<uint32_t>(at % 64)};
}
/// The row of the n-th query after that of `row`; n is at most a few hundred.
__device__ __forceinline__ MaskRow after(const MaskRow& row, int n, const AttentionSizes& a) {
  const auto Tk = static_cast<uint32_t>(a.Tk), rows = static_cast<uint32_t>(n);
  return {row.group + rows * (Tk / 64), row.offset + rows * (Tk % 64)};
}

/// Bit w: whether element 64 group + lane + 16 w is kept.
__device__ __forceinline__ uint32_t kept_of_group(const Dropping& d, uint32_t group, int lane) {
  const PhiloxWords words = dropout_words(d.state, d.site, group, lane);
  uint32_t bits = 0;
#pragma unroll
  for (int w = 0; w < 4; ++w) bits |= (words.at[w] < d.threshold ? 0u : 1u) << w;
  return bits;
}

/// bits[v], bit w: whether element j + 16 w of row v is kept. The rows' blocks are computed side by side,
/// because each is one chain of dependent instructions.
template <int n>
__device__ __forceinline__ void kept_fours(uint32_t (&bits)[n], const Dropping& d, const MaskRow (&rows)[n],
                                           int j) {
  uint32_t from[n];
  bool more = false;  // elements in the next group
#pragma unroll
  for (int v = 0; v < n; ++v) {
    from[v] = rows[v].offset + static_cast<uint32_t>(j);
    bits[v] = 0;
    more |= from[v] % 64 >= 16;
  }
  // The same number for all lanes, so that they remain together.
  const uint32_t groups = __any_sync(0xffffffffu, more ? 1 : 0) ? 1 : 0;
#pragma unroll 1
  for (uint32_t next = 0; next <= groups; ++next)
#pragma unroll
    for (int v = 0; v < n; ++v)
      bits[v] |= kept_of_group(d, rows[v].group + from[v] / 64 + next, static_cast<int>(from[v] % 16))
                 << (4 * next);
#pragma unroll
  for (int v = 0; v < n; ++v) bits[v] = bits[v] >> (from[v] % 64 / 16) & 15;
}

/// The dropout factor of an element, given its bit.
__device__ __forceinline__ float factor_of(const DropoutMask& mask, uint32_t bits, int bit) {
  return bits >> bit & 1 ? mask.factor : 0;
}

/// The dropout factor of probability (i, j) of query head bh, on its own.
template <class T>
__device__ __forceinline__ T kept(const AttentionSizes& a, const DropoutMask& mask, int bh, int i, int j) {
  if (a.dropout <= 0) return 1;
  const MaskRow row = mask_row(a, bh, i);
  const uint32_t at = row.offset + static_cast<uint32_t>(j);
  const uint32_t bits = kept_of_group(dropping(a, mask), row.group + at / 64, static_cast<int>(at % 16));
  if (!(bits >> (at % 64 / 16) & 1)) return 0;
  if constexpr (sizeof(T) == 8)
    return 1 / (1 - a.dropout);
  else
    return mask.factor;
}

}  // namespace
}  // namespace hewn
