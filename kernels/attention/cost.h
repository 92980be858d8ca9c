#pragma once

#include <algorithm>

#include "kernels/attention/abi.h"
#include "kernels/contract/contract.h"

namespace hewn {

/// Pairs of a query and a key that it attends to, over all heads.
inline double visible_pairs(const AttentionSizes& a) {
  // A query at position t attends to min(t + 1, window) keys.
  const auto up_to = [&](int64_t t) {
    const auto few = static_cast<double>(t < a.window ? t : a.window);
    return few * (few + 1) / 2 + (static_cast<double>(t) - few) * static_cast<double>(a.window);
  };
  return static_cast<double>(a.B * a.H) * (up_to(a.Tk) - up_to(a.Tk - a.Tq));
}

/// Elements of the queries of all heads, and of the keys that at least one query attends to.
inline double query_elements(const AttentionSizes& a) { return static_cast<double>(a.B * a.H * a.Tq * a.D); }
inline double key_elements(const AttentionSizes& a) {
  const int64_t seen = a.window < a.Tk ? std::min(a.Tk, a.Tq + a.window - 1) : a.Tk;
  return static_cast<double>(a.B * a.Hkv * seen * a.D);
}

inline double lse_bytes(const AttentionSizes& a) {
  return static_cast<double>(a.B * a.H * a.Tq) * static_cast<double>(size_of(a.lse_dtype()));
}

/// Per visible pair: two dot products of length D, and 11 operations for the softmax (see its room). Queries,
/// keys and values are read once, y and lse written once.
inline Cost cost_of(const AttentionForward& a) {
  const auto d = static_cast<double>(a.D), q = query_elements(a);
  return {visible_pairs(a) * (4 * d + 11),
          (2 * q + 2 * key_elements(a)) * static_cast<double>(size_of(a.dtype)) + lse_bytes(a)};
}

/// Per visible pair: five dot products of length D, 14 operations for the probability and its gradient.
inline Cost cost_of(const AttentionBackward& a) {
  const auto d = static_cast<double>(a.D), q = query_elements(a);
  return {visible_pairs(a) * (10 * d + 14),
          (4 * q + 4 * key_elements(a)) * static_cast<double>(size_of(a.dtype)) + lse_bytes(a)};
}

/// One exponential per visible pair.
inline Needs needs_of(const AttentionForward& a) { return {.exps = visible_pairs(a)}; }
inline Needs needs_of(const AttentionBackward& a) { return {.exps = visible_pairs(a)}; }

}  // namespace hewn
