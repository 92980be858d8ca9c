#pragma once

#include "kernels/attention/abi.h"

namespace hewn {

template <Isa I>
void attention_rows(const Launch& launch, const AttentionForward& a);

template <Isa I>
void attention_online(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_online(const Launch& launch, const AttentionBackward& a);

template <Isa I>
void attention_lanes(const Launch& launch, const AttentionForward& a);

namespace {

/// Into how many items the query heads of one key head are split backwards: where there are few key heads, as
/// many as there are query heads, each with dk and dv of its own to be summed afterwards. It follows from the
/// shape alone, as the order of the sums does.
[[maybe_unused]] constexpr int64_t backward_parts(const AttentionSizes& a) {
  return a.B * a.Hkv < 16 ? a.H / a.Hkv : 1;
}

/// Scratch for them, in floats, before the workers' shares.
[[maybe_unused]] constexpr int64_t backward_parts_scratch(const AttentionSizes& a) {
  const int64_t parts = backward_parts(a), width = (a.D + 15) / 16 * 16;
  return parts == 1 ? 0 : a.B * a.Hkv * parts * 2 * a.Tk * width;
}

}  // namespace

template <Isa I>
void attention_tiled(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_tiled(const Launch& launch, const AttentionBackward& a);

}  // namespace hewn
