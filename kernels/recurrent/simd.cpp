#include "kernels/contract/parallel.h"
#include "kernels/recurrent/abi.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

/// Calls body(row) for every row, blocks of about 1024 units divided among threads.
template <class Body>
void for_rows(const Launch& launch, int64_t rows, int64_t cols, const Body& body) {
  const int64_t block = cols < 1024 ? 1024 / (cols > 0 ? cols : 1) : 1;
  parallel_for(launch, blocks_of(rows, block), [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin * block; r < rows && r < end * block; ++r) body(r);
  });
}

HEWN_INLINE vf slope_of_tanh(vf y) { return (1.0f - y) * (1.0f + y); }

}  // namespace

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const LstmForward& a) {
  for_rows(launch, a.rows, a.cols, [&](int64_t r) {
    const float* x = static_cast<const float*>(a.x) + 4 * r * a.cols;
    const float* c_before = a.c_before ? static_cast<const float*>(a.c_before) + r * a.cols : nullptr;
    float* gates = static_cast<float*>(a.gates) + 4 * r * a.cols;
    float* c = static_cast<float*>(a.c) + r * a.cols;
    float* h = static_cast<float*>(a.h) + r * a.cols;
    for_lanes(0, a.cols, [&](int64_t j, auto lanes) {
      const vf i = sigmoid(load(x + j, lanes)), f = sigmoid(load(x + a.cols + j, lanes)),
               g = tanh(load(x + 2 * a.cols + j, lanes)), o = sigmoid(load(x + 3 * a.cols + j, lanes));
      const vf kept = c_before ? f * load(c_before + j, lanes) : vf{};
      const vf now = fma(i, g, kept);
      store(gates + j, i, lanes);
      store(gates + a.cols + j, f, lanes);
      store(gates + 2 * a.cols + j, g, lanes);
      store(gates + 3 * a.cols + j, o, lanes);
      store(c + j, now, lanes);
      store(h + j, o * tanh(now), lanes);
    });
  });
}

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const LstmBackward& a) {
  for_rows(launch, a.rows, a.cols, [&](int64_t r) {
    const auto row = [&](const void* of) { return static_cast<const float*>(of) + r * a.cols; };
    const float* gates = static_cast<const float*>(a.gates) + 4 * r * a.cols;
    float* dx = static_cast<float*>(a.dx) + 4 * r * a.cols;
    float* dc_before = static_cast<float*>(a.dc_before) + r * a.cols;
    for_lanes(0, a.cols, [&](int64_t j, auto lanes) {
      const vf i = load(gates + j, lanes), f = load(gates + a.cols + j, lanes),
               g = load(gates + 2 * a.cols + j, lanes), o = load(gates + 3 * a.cols + j, lanes);
      const vf c_before = a.c_before ? load(row(a.c_before) + j, lanes) : vf{};
      const vf y = tanh(load(row(a.c) + j, lanes)), dh = load(row(a.dh) + j, lanes);
      const vf e = fma(dh * o, slope_of_tanh(y), a.dc ? load(row(a.dc) + j, lanes) : vf{});
      store(dx + j, e * g * i * (1.0f - i), lanes);
      store(dx + a.cols + j, e * c_before * f * (1.0f - f), lanes);
      store(dx + 2 * a.cols + j, e * i * slope_of_tanh(g), lanes);
      store(dx + 3 * a.cols + j, dh * y * o * (1.0f - o), lanes);
      store(dc_before + j, e * f, lanes);
    });
  });
}

}  // namespace hewn
