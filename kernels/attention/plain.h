#pragma once
// What the plain rungs share: where a row lies, and which probabilities dropout keeps.

#include "core/rng.h"
#include "kernels/attention/abi.h"

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

/// What dropout multiplies probability (i, j) of head bh by: 0 or 1 / (1 - dropout).
inline double dropout_factor(const AttentionSizes& a, int64_t bh, int64_t i, int64_t j) {
  if (a.dropout <= 0) return 1;
  const StepState& s = *a.state;
  const auto element = static_cast<uint64_t>((bh * a.Tq + i) * a.Tk + j);
  const auto words = philox({static_cast<uint32_t>(element / 4), a.site, static_cast<uint32_t>(s.step),
                             static_cast<uint32_t>(s.micro_step)},
                            {static_cast<uint32_t>(s.seed), static_cast<uint32_t>(s.seed >> 32)});
  const double uniform = static_cast<double>(words[element % 4] >> 8) * 0x1p-24;
  return uniform >= a.dropout ? 1 / (1 - a.dropout) : 0;
}

}  // namespace hewn
