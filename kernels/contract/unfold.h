#pragma once

#include "core/base/not_copied.h"
// Decomposes fused operations into simple ones, for tools that show their parts.

namespace hewn {

/// While it lives, this thread computes fused operations from simple ones, each with its own node on the
/// tape: linear of matmul and add, softmax of exp, sum and div. Values and gradients are equal up to
/// rounding; f32 and f64 only.
class Unfold : NotCopied {
 public:
  Unfold() { ++depth; }
  ~Unfold() { --depth; }

  static bool on() { return depth > 0; }

 private:
  static inline thread_local int depth = 0;
};

}  // namespace hewn
