#pragma once
// The lessons between the dot product and the production kernel, one file and one idea each. They compute one
// plain float32 product, without transposed operands: C (set or add) alpha A B.

#include "kernels/matmul/abi.h"

namespace hewn {
namespace {

struct Floats {
  const float *a, *b;
  float* c;
  float alpha;
  explicit Floats(const Matmul& m)
      : a(static_cast<const float*>(m.a)),
        b(static_cast<const float*>(m.b)),
        c(static_cast<float*>(m.c)),
        alpha(static_cast<float>(m.alpha)) {}
};

[[maybe_unused, gnu::always_inline]] inline int64_t at_most(int64_t n, int64_t most) {
  return n < most ? n : most;
}

}  // namespace

/// The block of B in the lessons that use blocks: 128 x 192 floats, 96 KiB, which a second-level cache can
/// hold.
constexpr int64_t lesson_k = 128, lesson_cols = 192;
constexpr int64_t lesson_block_bytes = lesson_k * lesson_cols * 4;

}  // namespace hewn
