#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// y[i, :] = weight[ids[i], :] (+ position[i mod period, :]). Every id must be within the table.
struct EmbeddingForward {
  DType dtype, y_dtype,
      ids_dtype;  ///< of the tables: f32 or f64; of y: the same, or bf16 for f32; i64 or i32
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

const Ladder<EmbeddingForward>& ladder_of(const EmbeddingForward&);
const Ladder<EmbeddingBackward>& ladder_of(const EmbeddingBackward&);

}  // namespace hewn
