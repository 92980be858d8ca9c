#include "kernels/copy/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_bf16.h"

namespace hewn {
namespace {

constexpr int64_t piece = 4096;  // elements of a long row per work item

template <class X, class Y>
void convert(const Launch& launch, const Copy& a) {
  const int last = a.rank - 1;
  const int64_t cols = a.rank == 0 ? 1 : a.shape[last], pieces = blocks_of(cols, piece);
  int64_t rows = 1;
  for (int d = 0; d < last; ++d) rows *= a.shape[d];
  parallel_for(launch, rows * pieces, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const X* x = static_cast<const X*>(a.x);
      Y* y = static_cast<Y*>(a.y);
      int64_t row = item / pieces;
      for (int d = last - 1; d >= 0; row /= a.shape[d--]) {
        x += row % a.shape[d] * a.x_stride[d];
        y += row % a.shape[d] * a.y_stride[d];
      }
      const int64_t first = item % pieces * piece, rest = cols - first;
      for_lanes(first, first + (rest < piece ? rest : piece), [&](int64_t i, auto lanes) {
        const vf v = load(x + i, lanes);
        store(y + i, a.to_y == Write::add ? load(y + i, lanes) + v : v, lanes);
      });
    }
  });
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const Copy& a) {
  a.from == DType::f32 ? convert<float, BFloat16>(launch, a) : convert<BFloat16, float>(launch, a);
}

}  // namespace hewn
