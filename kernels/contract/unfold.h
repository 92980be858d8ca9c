#pragma once

#include "core/base/not_copied.h"
// Fused operations taken apart, for tools that show what they consist of.

namespace hewn {

/// While it lives, the fused operations that this thread calls are composed of simple ones, with a node on the tape for
/// each: linear of matmul and add, softmax of exp, sum and div. Values and gradients are equal up to rounding; f32 and
/// f64 only.
class Unfold : NotCopied {
 public:
  Unfold() { ++depth; }
  ~Unfold() { --depth; }

  static bool on() { return depth > 0; }

 private:
  static inline thread_local int depth = 0;
};

}  // namespace hewn
