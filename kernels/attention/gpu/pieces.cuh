#pragma once
// The pieces of a range of keys that blocks share, as constexpr functions, so that tests can verify on the host
// that every key belongs to one piece.

#include "kernels/attention/gpu/visits.cuh"

namespace hewn {
namespace {

/// Pieces begin at multiples of this many keys from the first, so that warps have equal parts.
constexpr int keys_unit = 16;

/// The keys that at least one query attends to.
__host__ __device__ constexpr Span keys_of_all(const AttentionSizes& a) {
  return {first_key(a, 0), end_key(a, static_cast<int>(a.Tq) - 1)};
}

/// Keys per piece if `all` are divided into `splits` pieces; the last may have fewer.
__host__ __device__ constexpr int keys_per_piece(const Span& all, int splits) {
  return ceil_div(ceil_div(all.end - all.first, splits), keys_unit) * keys_unit;
}

/// The number of pieces that have keys; the others come last.
__host__ __device__ constexpr int pieces_with_keys(const Span& all, int splits) {
  return ceil_div(all.end - all.first, keys_per_piece(all, splits));
}

/// The keys of one piece, none if `first` is not less than `end`.
__host__ __device__ constexpr Span piece_of(const Span& all, int splits, int piece) {
  const int size = keys_per_piece(all, splits), first = all.first + piece * size;
  return {first, first + size < all.end ? first + size : all.end};
}

}  // namespace
}  // namespace hewn
