#pragma once
// What the plain rungs share: where a row lies, and which probabilities dropout keeps.

#include "kernels/attention/abi.h"
#include "kernels/dropout/ref.h"

namespace hewn {

/// One head of an operand.
template <class T>
struct Head {
  T* data;
  int64_t row;
  T* operator[](int64_t t) const { return data + t * row; }
};

/// Head `bh` of the B * H heads.
template <class T>
Head<const T> head_of(const AttentionSizes& a, const Heads& x, int64_t bh) {
  return {static_cast<const T*>(x.data) + bh / a.H * x.batch + bh % a.H * x.head, x.row};
}
template <class T>
Head<T> head_of(const AttentionSizes& a, const HeadsOut& x, int64_t bh) {
  return {static_cast<T*>(x.data) + bh / a.H * x.batch + bh % a.H * x.head, x.row};
}

/// How many keys query i sees.
inline int64_t visible(const AttentionSizes& a, int64_t i) { return a.Tk - a.Tq + i + 1; }

/// The dropout room's mask over [B, H, Tq, Tk].
inline Dropout mask_of(const AttentionSizes& a) {
  return {a.dtype, a.B * a.H * a.Tq * a.Tk, a.dropout, a.site, a.state, nullptr, nullptr, Write::set};
}

/// What dropout multiplies probability (i, j) of head bh by: 0 or 1 / (1 - dropout).
inline double dropout_factor(const AttentionSizes& a, int64_t bh, int64_t i, int64_t j) {
  if (a.dropout <= 0) return 1;
  return dropout_keeps(mask_of(a), (bh * a.Tq + i) * a.Tk + j) ? 1 / (1 - a.dropout) : 0;
}

}  // namespace hewn
