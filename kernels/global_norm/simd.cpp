#include "kernels/global_norm/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

using HalfFloats = float __attribute__((vector_size(HEWN_VBYTES / 2)));

vd widened(const float* p) {
  HalfFloats half;
  __builtin_memcpy(&half, p, sizeof half);
  return __builtin_convertvector(half, vd);
}
vd widened(const double* p) { return load(p); }

/// Sum of squares of n values in double: four vectors of running sums, then their sum.
template <class T>
double squares(const T* g, int64_t n) {
  vd sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * WD <= n; i += 4 * WD) {
    for (int k = 0; k < 4; ++k) {
      const vd x = widened(g + i + k * WD);
      sum[k] = fma(x, x, sum[k]);
    }
  }
  double rest = 0;
  for (; i < n; ++i) rest += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

template <class T>
void block_squares(const Launch& launch, const BlockSquares& a) {
  const T* g = static_cast<const T*>(a.g);
  parallel_for(launch, blocks_of_norm(a.n), [&](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * norm_block, n = a.n - first < norm_block ? a.n - first : norm_block;
      a.sums[b] = squares(g + first, n);
    }
  });
}

}  // namespace

template <>
void kernel<"vectors", Isa::HEWN_ISA>(const Launch& launch, const BlockSquares& a) {
  a.dtype == DType::f64 ? block_squares<double>(launch, a) : block_squares<float>(launch, a);
}

}  // namespace hewn
