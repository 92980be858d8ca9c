#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// y[i] (set or add) keep(i) ? x[i] / (1 - p) : 0, where keep(i) is true with probability 1 - p.
///
/// keep depends only on the seed, step and micro-step in `state`, on `site` and on i, never on threads or
/// vector width: element i is kept if its random word (kernels/contract/random_words.h) is at least p 2^32.
/// The backward pass is the same call on dy: the mask is recomputed, not stored.
struct Dropout {
  DType dtype;  ///< f32, f64 or bf16
  int64_t n;
  double p;       ///< 0 <= p < 1
  uint32_t site;  ///< index of this dropout in the model; each has its own mask
  const StepState* state;
  const void* x;  ///< [n]
  void* y;        ///< [n]
  Write to_y;
};

/// Whether element i is kept.
bool dropout_keeps(const Dropout& a, int64_t i);

const Ladder<Dropout>& ladder_of(const Dropout&);

}  // namespace hewn
