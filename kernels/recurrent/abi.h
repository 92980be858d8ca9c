#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// One time step of an LSTM for `rows` sequences of `cols` units, gates in the order i | f | g | o (input, forget,
/// cell, output). s is the logistic function:
/// i, f, g, o = s(x_i), s(x_f), tanh(x_g), s(x_o);  c = f c_before + i g;  h = o tanh(c).
struct LstmForward {
  DType dtype;  ///< f32 or f64
  int64_t rows, cols;
  const void* x;         ///< [rows, 4 cols], the sums that enter the gates
  const void* c_before;  ///< [rows, cols]; null: zeros
  void* gates;           ///< [rows, 4 cols]; may be x
  void* c;               ///< [rows, cols]; may be c_before
  void* h;               ///< [rows, cols]
};

/// The gradients of a step, from dh, the gradient of h, and dc, the gradient of c from the next step:
/// e = dc + dh o (1 - tanh(c)^2);  dx = e g i (1 - i) | e c_before f (1 - f) | e i (1 - g^2) | dh tanh(c) o (1 - o);
/// dc_before = e f.
struct LstmBackward {
  DType dtype;
  int64_t rows, cols;
  const void* gates;     ///< [rows, 4 cols]
  const void* c_before;  ///< [rows, cols]; null: zeros
  const void* c;         ///< [rows, cols]
  const void* dh;        ///< [rows, cols]
  const void* dc;        ///< [rows, cols]; null: zeros
  void* dx;              ///< [rows, 4 cols]
  void* dc_before;       ///< [rows, cols]; may be dc
};

const Ladder<LstmForward>& ladder_of(const LstmForward&);
const Ladder<LstmBackward>& ladder_of(const LstmBackward&);

}  // namespace hewn
