#include "kernels/rmsnorm/abi.h"

#include "kernels/simd/vec_rows.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

template <To to>
void forward_rows(const RmsnormForward& a, int64_t begin, int64_t end) {
  const auto* weight = static_cast<const float*>(a.weight);
  for (int64_t r = begin; r < end; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    double squares[1];
    sum_lanes_of_row(a.cols, squares, [=](int64_t i, auto lanes, vf* add) {
      const vf v = load_ahead(x + i, lanes);
      add[0] = fma(v, v, add[0]);
    });
    a.rstd[r] = 1 / __builtin_sqrt(squares[0] / static_cast<double>(a.cols) + a.eps);
    write_lanes<to>(static_cast<float*>(a.y) + r * a.cols, 0, a.cols,
                    [=, scale = set1(static_cast<float>(a.rstd[r]))](int64_t i, auto lanes) {
                      return load(x + i, lanes) * scale * load(weight + i, lanes);
                    });
  }
  finish_stream();
}

/// One row: dx unless it is null, and its contribution to dweight.
template <To to>
void backward_row(const float* x, const float* weight, const float* dy, float* dx, int64_t cols, double rstd,
                  float* dweight) {
  const vf scale = set1(static_cast<float>(rstd));
  double sum[1];
  sum_lanes_of_row(cols, sum, [=](int64_t i, auto lanes, vf* add) {
    const vf dn = load_ahead(dy + i, lanes) * (load_ahead(x + i, lanes) * scale);
    add[0] = fma(dn, load(weight + i, lanes), add[0]);
    store(dweight + i, load(dweight + i, lanes) + dn, lanes);
  });
  if (!dx) return;
  const vf mean_gn = set1(static_cast<float>(sum[0] / static_cast<double>(cols)));
  write_lanes<to>(dx, 0, cols, [=](int64_t i, auto lanes) {
    const vf n = load(x + i, lanes) * scale, g = load(dy + i, lanes) * load(weight + i, lanes);
    return scale * (g - n * mean_gn);
  });
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const RmsnormForward& a) {
  const auto rows = way_for(Write::set, a.rows * a.cols) == To::past_caches ? forward_rows<To::past_caches>
                                                                            : forward_rows<To::set>;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) { rows(a, begin, end); });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const RmsnormBackward& a) {
  const auto *x = static_cast<const float*>(a.x), *weight = static_cast<const float*>(a.weight);
  const auto* dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  auto* partial = static_cast<float*>(launch.scratch);  // [blocks, cols]
  const auto row = choose(way_for(a.to_dx, a.rows * a.cols), backward_row<To::set>, backward_row<To::add>,
                          backward_row<To::past_caches>);
  const int64_t blocks = add_by_blocks(launch, a.rows, a.cols, partial, [=](int64_t r, float* dweight) {
    row(x + r * a.cols, weight, dy + r * a.cols, dx ? dx + r * a.cols : nullptr, a.cols, a.rstd[r], dweight);
  });
  if (a.dweight) sum_blocks(partial, blocks, a.cols, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
}

}  // namespace hewn
