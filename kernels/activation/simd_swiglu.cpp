#include "kernels/activation/abi.h"
#include "kernels/activation/curves.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// Calls body(row, begin, end) for pieces of at most 4096 columns of every row, divided among threads.
template <class Body>
void for_pieces(const Launch& launch, int64_t rows, int64_t cols, const Body& body) {
  constexpr int64_t piece = 4096;
  const int64_t per_row = blocks_of(cols, piece);
  parallel_for(launch, rows * per_row, [&](int64_t first, int64_t last, int) {
    for (int64_t item = first; item < last; ++item) {
      const int64_t begin = item % per_row * piece;
      body(item / per_row, begin, cols - begin < piece ? cols : begin + piece);
    }
  });
}

template <To to>
void products(const float* gate, const float* up, float* y, int64_t begin, int64_t end) {
  write_lanes<to>(y, begin, end, [=](int64_t i, auto lanes) {
    return Curve<Activation::silu>::value(load_ahead(gate + i, lanes)) * load_ahead(up + i, lanes);
  });
}

}  // namespace

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const SwigluForward& a) {
  const auto range =
      way_for(Write::set, a.rows * a.cols) == To::set ? products<To::set> : products<To::past_caches>;
  for_pieces(launch, a.rows, a.cols, [&](int64_t r, int64_t begin, int64_t end) {
    const float* gate = static_cast<const float*>(a.gate) + r * a.row;
    const float* up = static_cast<const float*>(a.up) + r * a.row;
    float* y = static_cast<float*>(a.y) + r * a.cols;
    range(gate, up, y, begin, end);
    finish_stream();
  });
}

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const SwigluBackward& a) {
  for_pieces(launch, a.rows, a.cols, [&](int64_t r, int64_t begin, int64_t end) {
    const float* gate = static_cast<const float*>(a.gate) + r * a.row;
    const float* up = static_cast<const float*>(a.up) + r * a.row;
    const float* dy = static_cast<const float*>(a.dy) + r * a.cols;
    float* dgate = static_cast<float*>(a.dgate) + r * a.row;
    float* dup = static_cast<float*>(a.dup) + r * a.row;
    for_lanes(begin, end, [&](int64_t i, auto lanes) {
      const vf x = load_ahead(gate + i, lanes), g = load_ahead(dy + i, lanes);
      const Sigmoid s = sigmoid_and_slope(x);
      if (a.dgate)
        write(dgate + i, fma(x, s.slope, s.value) * load_ahead(up + i, lanes) * g, a.to_dgate, lanes);
      if (a.dup) write(dup + i, x * s.value * g, a.to_dup, lanes);
    });
  });
}

}  // namespace hewn
