#pragma once

#include "kernels/contract/contract.h"
#include "kernels/paged_attention/abi.h"

namespace hewn {

/// Reads float32, writes the format; a comparison and a product per element.
inline Cost cost_of(const AppendToPages& a) {
  const PageLayout& layout = a.pages.layout;
  const auto rows = static_cast<double>(a.B * a.T * layout.Hkv);
  return {4 * rows * static_cast<double>(layout.D),
          rows * (2 * static_cast<double>(layout.D) * sizeof(float) +
                  static_cast<double>(layout.head_bytes()) / page_tokens)};
}

/// Pairs of a query and a key that it attends to, over all heads, if all sequences were as long as the longest.
inline double visible_pairs(const PagedAttention& a) {
  double pairs = 0;
  for (int64_t i = 0; i < a.T; ++i) {
    const int64_t keys = a.most_keys - a.T + i + 1;
    pairs += static_cast<double>(keys < a.window ? keys : a.window);
  }
  return static_cast<double>(a.B * a.H) * pairs;
}

/// As of AttentionForward; keys and values are read once, in their format.
inline Cost cost_of(const PagedAttention& a) {
  const PageLayout& layout = a.pages.layout;
  const int64_t seen = a.T + a.window - 1 < a.most_keys ? a.T + a.window - 1 : a.most_keys;
  const auto queries = static_cast<double>(a.B * a.H * a.T * layout.D);
  return {visible_pairs(a) * (4 * static_cast<double>(layout.D) + 11),
          2 * queries * sizeof(float) +
              static_cast<double>(a.B * seen * layout.bytes()) / static_cast<double>(page_tokens)};
}

/// One exponential per visible pair.
inline Needs needs_of(const PagedAttention& a) { return {.exps = visible_pairs(a)}; }

}  // namespace hewn
