#pragma once
// Applies the epilogue to finished elements while they are in the nearest cache. Compiled per instruction
// set; included only by simd*.cpp.

#include "kernels/activation/abi.h"
#include "kernels/activation/curves.h"
#include "kernels/matmul/cpu/tile.h"

namespace hewn {
namespace {

/// The epilogue of one matrix of a batch; null means none.
template <class T>
struct Finish {
  const T* bias;
  T* pre;
  Activation activation;
  const T* residual;
  bool nothing() const { return !bias && !pre && !residual && activation == Activation::none; }
};

HEWN_INLINE vf activated(Activation kind, vf x) {
  return visit(kind, [x]<Activation a>() { return Curve<a>::value(x); });
}
/// float64 is for checking, so it is as exact as the reference: one element at a time.
HEWN_INLINE vd activated(Activation kind, vd x) {
  if (kind != Activation::none)
    for (int i = 0; i < WD; ++i) x[i] = activation_value(kind, x[i]);
  return x;
}

/// Finishes n values, the first of them in column j and `at` elements from the start of C.
template <class T>
HEWN_INLINE Vector<T> finished(const Finish<T>& f, Vector<T> y, int64_t at, int64_t j, int64_t n) {
  if (f.bias) y += load_part(f.bias + j, n);
  if (f.pre) store_part(f.pre + at, y, n);
  y = activated(f.activation, y);
  return f.residual ? y + load_part(f.residual + at, n) : y;
}

/// Finishes `cols` elements of one row, `offset` from the start of C, the first in column j.
template <class T>
void finish_row(const Finish<T>& f, T* c, int64_t offset, int64_t j, int64_t cols) {
  constexpr int w = lanes<T>;
  for (int64_t v = 0; v < cols; v += w) {
    const int64_t n = cols - v < w ? cols - v : w, at = offset + v;
    store_part(c + at, finished<T>(f, load_part(c + at, n), at, j + v, n), n);
  }
}

}  // namespace
}  // namespace hewn
