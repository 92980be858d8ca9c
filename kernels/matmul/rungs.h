#pragma once

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

}  // namespace

// The lessons between the dot product and the production kernel, one idea each. They take one float32 product
// of matrices as they stand in memory.
const char* lesson_only(const Matmul& a);
/// Rows and columns of a block of b in the blocked one, which copies it.
constexpr int64_t lesson_block = 128;

void matmul_rows(const Launch&, const Matmul& a);
template <Isa I>
void matmul_vectors(const Launch& launch, const Matmul& a);
template <Isa I>
void matmul_blocked(const Launch& launch, const Matmul& a);
template <Isa I>
void matmul_tiles(const Launch& launch, const Matmul& a);

}  // namespace hewn
