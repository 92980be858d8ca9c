#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/embedding/abi.h"

namespace hewn {

/// The oracle: plain loops, sums in double, for f32 and f64.
void embedding_reference(const Launch&, const EmbeddingForward& a);
void embedding_reference(const Launch&, const EmbeddingBackward& a);
size_t embedding_reference_scratch(const EmbeddingBackward& a, int threads);

// SIMD, compiled once per instruction set.

// f32 only.

template <Isa I>
void embedding_simd(const Launch& launch, const EmbeddingForward& a);

/// Divides strips of 64 columns among threads: each thread processes all ids in order, so threads neither
/// wait nor collide, and the order of every sum is that of the positions.
template <Isa I>
void embedding_backward_simd(const Launch& launch, const EmbeddingBackward& a);

// GPUs.

/// f32 and f64. One block per row of the result.
template <Isa I>
void embedding_gpu(const Launch& launch, const EmbeddingForward& a);
/// Sorts positions by id, stably; then sums each id's rows in the order of positions, in windows of sorted
/// positions that depend only on the ids. There are no atomic sums, and the bits are always the same.
template <Isa I>
void embedding_gpu(const Launch& launch, const EmbeddingBackward& a);

/// The layout of the scratch of the backward pass, as byte offsets.
struct EmbeddingScratch {
  static constexpr int64_t chunk = 1024;  ///< positions that a block sorts
  static constexpr int64_t digits = 256;  ///< per pass of the sort
  static constexpr int64_t window = 64;   ///< sorted positions that a block sums
  size_t keys[2], places[2], counts, partial, end;

  explicit EmbeddingScratch(const EmbeddingBackward& a) {
    size_t at = 0;
    const auto take = [&at](int64_t n, size_t element) {
      const size_t begin = at;
      at += (static_cast<size_t>(n) * element + 255) / 256 * 256;
      return begin;
    };
    for (int i = 0; i < 2; ++i) keys[i] = take(a.n, 4), places[i] = take(a.n, 4);
    counts = take((a.n + chunk - 1) / chunk * digits, 4);
    partial = take((a.n + window - 1) / window * 2 * a.width, size_of(a.dtype));
    end = at;
  }
};

}  // namespace hewn
