#pragma once

#include "kernels/attention/abi.h"

namespace hewn {

/// Pairs of a query and a key it sees, over all heads.
inline double visible_pairs(const AttentionSizes& a) {
  const auto tq = static_cast<double>(a.Tq), tk = static_cast<double>(a.Tk);
  return static_cast<double>(a.B * a.H) * (tq * (tk - tq) + tq * (tq + 1) / 2);
}

/// Per visible pair: two dot products of length D, and 11 for the softmax (see its room).
/// Queries, keys and values are read once, y and lse written.
inline Cost cost_of(const AttentionForward& a) {
  const auto heads = static_cast<double>(a.B * a.H), tq = static_cast<double>(a.Tq),
             tk = static_cast<double>(a.Tk), d = static_cast<double>(a.D);
  return {visible_pairs(a) * (4 * d + 11),
          heads * (2 * d * tq + 2 * d * tk + tq) * static_cast<double>(size_of(a.dtype))};
}

/// Per visible pair: five dot products of length D, 14 for probability and its gradient.
inline Cost cost_of(const AttentionBackward& a) {
  const auto heads = static_cast<double>(a.B * a.H), tq = static_cast<double>(a.Tq),
             tk = static_cast<double>(a.Tk), d = static_cast<double>(a.D);
  return {visible_pairs(a) * (10 * d + 14),
          heads * (4 * d * tq + 4 * d * tk + tq) * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
