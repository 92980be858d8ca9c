#pragma once
// How paged attention divides its scratch, in floats, for the widest vectors (16 lanes; blocks of 32 queries, groups of
// 64). The namespace is anonymous because a constexpr function that is not inlined would become a weak symbol
// compiled for one instruction set.

#include "kernels/paged_attention/abi.h"

namespace hewn {
namespace {

/// From this many queries on, lanes are queries.
constexpr int64_t queries_in_lanes = 8;

/// A worker's buffers.
struct PagedWork {
  float* page;    ///< a head of a page, widened: [D][64] and [64][D]
  float *q, *y;   ///< for a group of 64 queries, or for few queries
  float* scores;  ///< [64][query_block]
  float* lse;     ///< [64]

  static constexpr int64_t group = 64, block = 32;
  static int64_t width(const PagedAttention& a) { return (a.pages.layout.D + 15) / 16 * 16; }
  /// Query rows of one head of keys and values: all that read the head if lanes are keys, else one group.
  static int64_t rows(const PagedAttention& a) {
    const int64_t few = a.T * (a.H / a.pages.layout.Hkv);
    return a.T < queries_in_lanes && few > group ? (few + 15) / 16 * 16 : group;
  }
  static int64_t floats(const PagedAttention& a) {
    return 2 * page_tokens * width(a) + 2 * rows(a) * width(a) + page_tokens * block + 3 * rows(a);
  }
  PagedWork(const PagedAttention& a, void* scratch, int worker)
      : page(static_cast<float*>(scratch) + worker * floats(a)),
        q(page + 2 * page_tokens * width(a)),
        y(q + rows(a) * width(a)),
        scores(y + rows(a) * width(a)),
        lse(scores + page_tokens * block) {}
};

}  // namespace
}  // namespace hewn
