#pragma once

#include "kernels/activation/table.h"
#include "kernels/contract/launch.h"

namespace hewn {

/// y[i] = f(x[i]).
struct ActivationForward {
  Activation kind;
  DType dtype;
  int64_t n;
  const void* x;  ///< [n]
  void* y;        ///< [n]
};

/// dx[i] (set or add) f'(x[i]) dy[i]. dx may be dy.
struct ActivationBackward {
  Activation kind;
  DType dtype;
  int64_t n;
  const void* x;   ///< [n]
  const void* dy;  ///< [n]
  void* dx;        ///< [n]
  Write to_dx;
};

/// SwiGLU over rows of `cols` elements: y = silu(gate) up. Rows of gate and up (and of their gradients) are
/// `row` elements apart, those of y (and dy) `cols`.
struct SwigluForward {
  DType dtype;
  int64_t rows, cols, row;
  const void *gate, *up;  ///< [rows, cols]
  void* y;                ///< [rows, cols]
};

/// With s = 1 / (1 + exp(-gate)): dgate (set or add) (s + gate s (1 - s)) up dy, dup (set or add) gate s dy.
/// Null outputs are not computed.
struct SwigluBackward {
  DType dtype;
  int64_t rows, cols, row;
  const void *gate, *up, *dy;
  void* dgate;
  Write to_dgate;
  void* dup;
  Write to_dup;
};

/// f(x) and f'(x) of the table, for code of one instruction set, which must not contain the table's functions.
double activation_value(Activation kind, double x);
double activation_slope(Activation kind, double x);

const Ladder<ActivationForward>& ladder_of(const ActivationForward&);
const Ladder<ActivationBackward>& ladder_of(const ActivationBackward&);
const Ladder<SwigluForward>& ladder_of(const SwigluForward&);
const Ladder<SwigluBackward>& ladder_of(const SwigluBackward&);

}  // namespace hewn
