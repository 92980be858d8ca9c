#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// Elements from one matrix of a batch to the next, for two nested batch dimensions. 0 repeats a matrix.
struct MatmulStep {
  int64_t outer = 0, inner = 0;
};

/// What happens to a product before it is stored, in this order; null means nothing.
struct Epilogue {
  const void* bias = nullptr;  ///< [N], added to every row
  void* pre = nullptr;  ///< [M, N] with c's strides, gets the value so far, for the activation's gradient
  Activation activation = Activation::none;
  const void* residual = nullptr;  ///< [M, N] with c's strides, added
};

/// c (set or add) alpha op(a) op(b), then the epilogue (only where c is set): for each matrix of a batch of
/// outer * inner. Rows are any distance apart, so that the heads of a packed [B, T, 3C] are operands as they
/// stand. The matrices of c must not overlap each other or the operands.
/// Every element is one chain of fused multiply-adds along K, broken where K says so alone; or, where rows of
/// a or columns of b are few and memory holds them along K, one such chain per lane; or the order in which
/// the processor's tiles are multiplied. An element's bits depend on its row of a, its column of b and the
/// way that M and N ask for, not on the number of threads.
struct Matmul {
  DType dtype;  ///< of everything; bf16: of a and b alone, while c and the epilogue are float32
  int64_t M, N, K;
  bool trans_a, trans_b;
  const void* a;  ///< [M, K], rows lda apart; [K, M] when trans_a
  int64_t lda;
  const void* b;  ///< [K, N], rows ldb apart; [N, K] when trans_b
  int64_t ldb;
  void* c;  ///< [M, N], rows ldc apart
  int64_t ldc;
  Write to_c;
  double alpha = 1;
  Epilogue epilogue = {};
  int64_t outer = 1, inner = 1;
  MatmulStep a_step = {}, b_step = {}, c_step = {};
  bool bf16_c = false;  ///< with bf16: c is bf16 too, rounded once from the finished float32 value
  bool tf32 = false;    ///< with f32: a and b may be rounded to TF32, float32 with 10 bits of mantissa
};

const Ladder<Matmul>& ladder_of(const Matmul&);

}  // namespace hewn
