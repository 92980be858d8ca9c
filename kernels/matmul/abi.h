#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// Distance in elements between successive matrices of a batch, for two nested batch dimensions.
/// 0 repeats a matrix.
struct MatmulStep {
  int64_t outer = 0, inner = 0;
};

/// Operations on a product before it is stored, in this order; null means none. Operands of C's shape have its
/// strides and its type; `bias` has the type of the sums.
struct Epilogue {
  const void* bias = nullptr;  ///< [N], added to every row
  void* pre = nullptr;         ///< [M, N], receives the value so far, for the activation's gradient
  Activation activation = Activation::none;
  /// [M, N]; if given, the value is multiplied by the activation's derivative there instead of being
  /// activated: the gradient of an activation's input. Not together with a residual.
  const void* slope_at = nullptr;
  const void* residual = nullptr;  ///< [M, N], added
};

/// C (set or add) alpha op(A) op(B), then the epilogue (only where C is set), for each of the outer * inner
/// matrices of a batch. Rows may be any distance apart, so the heads of a packed [B, T, 3C] are operands
/// without a copy. The matrices of C must not overlap each other or the operands.
/// Every element is one chain of fused multiply-adds along K, split at positions that depend only on K: its
/// bits depend only on its row of A and its column of B. Instructions that multiply bf16 in pairs add in a
/// different order, and AMX in a third one, which kernels for few rows do not reproduce. The number of
/// threads never matters.
struct Matmul {
  DType dtype;  ///< of all operands; bf16: of A and B only, with sums, bias and C in float32
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
  bool bf16_c = false;  ///< with bf16: C is bf16 too, rounded once from the finished float32 value
  bool tf32 = false;    ///< with f32: A and B may be rounded to TF32, float32 with 10 bits of mantissa
  /// On a CPU: requires that a row of C has the same bits alone and among others; other kernels decline.
  bool rows_apart = false;
  /// [N], of the type of the sums, for one product; null: none. Receives (set or add) the sums of op(B)'s
  /// columns: with A = x^T and B = dy the gradient of a bias, computed along with the weight's.
  void* b_sums = nullptr;
  Write to_b_sums = Write::set;
};

const Ladder<Matmul>& ladder_of(const Matmul&);

}  // namespace hewn
