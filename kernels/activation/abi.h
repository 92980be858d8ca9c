#pragma once

#include "kernels/launch.h"

namespace hewn {

/// Pointwise non-linearities; `none` leaves values as they are. Their formulas stand in op.cpp.
enum class Activation : uint8_t { none, relu, silu, gelu_tanh, gelu_erf };

/// y[i] = f(x[i]).
struct ActivationForward {
  Activation kind;
  DType dtype;
  int64_t n;
  const void* x;  ///< [n]
  void* y;        ///< [n]
};

/// dx[i] (set or add) f'(x[i]) dy[i].
struct ActivationBackward {
  Activation kind;
  DType dtype;
  int64_t n;
  const void* x;   ///< [n]
  const void* dy;  ///< [n]
  void* dx;        ///< [n]
  Write to_dx;
};

const Ladder<ActivationForward>& ladder_of(const ActivationForward&);
const Ladder<ActivationBackward>& ladder_of(const ActivationBackward&);

}  // namespace hewn
