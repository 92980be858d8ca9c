#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// y[i, :] = weight[ids[i], :] (+ position[i mod period, :]). Every id must be within the table.
struct EmbeddingForward {
  DType dtype;      ///< of the tables: f32 or f64; on a CPU and without positions, bf16
  DType y_dtype;    ///< of y: the same, or bf16 for f32; f32 for bf16
  DType ids_dtype;  ///< i64 or i32
  int64_t n, period, vocabulary, width;
  const void* ids;       ///< [n]
  const void* weight;    ///< [vocabulary, width]
  const void* position;  ///< [period, width], or null
  void* y;               ///< [n, width]
};

/// dweight[v, :] (set or add) the sum of dy[i, :] over all i with ids[i] = v, in the order of i.
struct EmbeddingBackward {
  DType dtype, dy_dtype, ids_dtype;  ///< of dweight; of dy: the same, or bf16 for f32; i64 or i32
  int64_t n, vocabulary, width;
  const void* ids;  ///< [n]
  const void* dy;   ///< [n, width]
  void* dweight;    ///< [vocabulary, width]
  Write to_dweight;
};

/// The layout of the scratch of the backward pass on a GPU, as byte offsets.
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

const Ladder<EmbeddingForward>& ladder_of(const EmbeddingForward&);
const Ladder<EmbeddingBackward>& ladder_of(const EmbeddingBackward&);

}  // namespace hewn
