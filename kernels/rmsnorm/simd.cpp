#include "kernels/rmsnorm/simd.h"

#include "kernels/vec_rows.h"

namespace hewn {
namespace {

void forward_row(const float* x, const float* weight, float* y, int64_t cols, double eps, double* rstd) {
  double squares[1];
  sum_lanes_of_row(cols, squares, [=](int64_t i, int64_t k, vf* add) {
    const vf v = load_up_to(x + i, k);
    add[0] = fma(v, v, add[0]);
  });
  *rstd = 1 / __builtin_sqrt(squares[0] / static_cast<double>(cols) + eps);
  for_lanes(cols, [=, scale = set1(static_cast<float>(*rstd))](int64_t i, int64_t k) {
    store_up_to(y + i, load_up_to(x + i, k) * scale * load_up_to(weight + i, k), k);
  });
}

/// One row: dx unless it is null, and what it contributes to dweight.
template <Write write>
void backward_row(const float* x, const float* weight, const float* dy, float* dx, int64_t cols, double rstd,
                  float* dweight) {
  const vf scale = set1(static_cast<float>(rstd));
  double sum[1];
  sum_lanes_of_row(cols, sum, [=](int64_t i, int64_t k, vf* add) {
    const vf dn = load_up_to(dy + i, k) * (load_up_to(x + i, k) * scale);
    add[0] = fma(dn, load_up_to(weight + i, k), add[0]);
    store_up_to(dweight + i, load_up_to(dweight + i, k) + dn, k);
  });
  if (!dx) return;
  const vf mean_gn = set1(static_cast<float>(sum[0] / static_cast<double>(cols)));
  for_lanes(cols, [=](int64_t i, int64_t k) {
    const vf n = load_up_to(x + i, k) * scale, g = load_up_to(dy + i, k) * load_up_to(weight + i, k);
    const vf d = scale * (g - n * mean_gn);
    store_up_to(dx + i, write == Write::add ? load_up_to(dx + i, k) + d : d, k);
  });
}

}  // namespace

template <>
void rmsnorm_simd<Isa::HEWN_ISA>(const Launch& launch, const RmsnormForward& a) {
  const auto *x = static_cast<const float*>(a.x), *weight = static_cast<const float*>(a.weight);
  auto* y = static_cast<float*>(a.y);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      forward_row(x + r * a.cols, weight, y + r * a.cols, a.cols, a.eps, a.rstd + r);
  });
}

template <>
void rmsnorm_backward_simd<Isa::HEWN_ISA>(const Launch& launch, const RmsnormBackward& a) {
  const auto *x = static_cast<const float*>(a.x), *weight = static_cast<const float*>(a.weight);
  const auto* dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  auto* partial = static_cast<float*>(launch.scratch);  // [blocks, cols]
  const int64_t blocks = row_blocks(a.rows), height = rows_per_block(a.rows);
  const auto row = a.to_dx == Write::add ? backward_row<Write::add> : backward_row<Write::set>;
  parallel_for(launch, blocks, [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block) {
      float* dweight = partial + block * a.cols;
      for_lanes(a.cols, [=](int64_t i, int64_t k) { store_up_to(dweight + i, vf{}, k); });
      const int64_t last = (block + 1) * height < a.rows ? (block + 1) * height : a.rows;
      for (int64_t r = block * height; r < last; ++r)
        row(x + r * a.cols, weight, dy + r * a.cols, dx ? dx + r * a.cols : nullptr, a.cols, a.rstd[r],
            dweight);
    }
  });
  if (a.dweight) sum_blocks(partial, blocks, a.cols, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
}

}  // namespace hewn
