#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

enum class UnaryOp : uint8_t { scale, add_scalar, exp, log, sqrt, tanh, sigmoid };
enum class BinaryOp : uint8_t { add, sub, mul, div };

inline constexpr int max_dims = 6;

/// y[i] (set or add) f(x[i]); `c` is the operand of scale and add_scalar. y may be x.
struct UnaryForward {
  UnaryOp op;
  DType dtype;
  int64_t n;
  double c;
  const void* x;  ///< [n]
  void* y;        ///< [n]
  Write to_y;
};

/// dx[i] (set or add) f'(x[i]) dy[i]. f' is computed from the kept value: y for exp, sqrt, tanh and sigmoid,
/// x for log. scale and add_scalar have no kernel here. dx may be dy.
struct UnaryBackward {
  UnaryOp op;
  DType dtype;
  int64_t n;
  const void* kept;  ///< [n]
  const void* dy;    ///< [n]
  void* dx;          ///< [n]
  Write to_dx;
};

/// y (set or add) a op b. `shape` is that of y, which is contiguous; a and b are broadcast to it by strides
/// of 0. The strides of the last dimension are 0 or 1.
struct Binary {
  BinaryOp op;
  DType dtype;    ///< of a and y: f32, f64 or bf16
  DType b_dtype;  ///< the same as `dtype`, or f32 if that is bf16
  int rank;
  int64_t shape[max_dims];
  int64_t a_stride[max_dims], b_stride[max_dims];  ///< in elements
  const void *a, *b;
  void* y;
  Write to_y;
};

const Ladder<UnaryForward>& ladder_of(const UnaryForward&);
const Ladder<UnaryBackward>& ladder_of(const UnaryBackward&);
const Ladder<Binary>& ladder_of(const Binary&);

}  // namespace hewn
