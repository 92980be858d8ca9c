#include "kernels/matmul/lessons/lessons.h"
#include "kernels/simd/vec.h"

namespace hewn {

// Vectors in registers. The compiler's loop loads a vector of C, adds to it, and stores it again at every
// step of k: three memory accesses per multiply-add. With j as the outer and k as the inner loop, a vector of
// C stays in a register for all of k: one load and one fused multiply-add per step, and C is written once.
// But each addition waits for the previous one (about 4 cycles), while the units could start one or two per
// cycle; and k walks down columns of B again, 64 bytes wide, all of which are read once for every row of A.
template <>
void kernel<"vectors", Isa::HEWN_ISA>(const Launch&, const Matmul& m) {
  const Floats f(m);
  for (int64_t i = 0; i < m.M; ++i) {
    for (int64_t j = 0; j < m.N; j += W) {
      const int64_t n = at_most(m.N - j, W);
      vf sum{};
      for (int64_t k = 0; k < m.K; ++k)
        sum = fma(set1(f.a[i * m.lda + k]), load_part(f.b + k * m.ldb + j, n), sum);
      float* c = f.c + i * m.ldc + j;
      sum *= f.alpha;
      store_part(c, m.to_c == Write::set ? sum : load_part(c, n) + sum, n);
    }
  }
}

}  // namespace hewn
