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

const Ladder<EmbeddingForward>& ladder_of(const EmbeddingForward&);
const Ladder<EmbeddingBackward>& ladder_of(const EmbeddingBackward&);

}  // namespace hewn
