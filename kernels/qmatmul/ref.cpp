#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/qmatmul/kernels.h"

namespace hewn {
namespace {

/// One block of 32; returns its scale. The results are defined in float32, and thus the same for every rung.
float quantize_block(const float* x, int8_t* q) {
  float most = 0;
  bool finite = true;
  for (int64_t i = 0; i < quantised_block; ++i) {
    finite = finite && std::isfinite(x[i]);
    most = std::max(most, std::abs(x[i]));
  }
  const bool zeros = !finite || most < 0x1p-120f;
  const float factor = zeros ? 0 : 127 / most;
  for (int64_t i = 0; i < quantised_block; ++i)
    q[i] = zeros ? int8_t{0} : static_cast<int8_t>(std::nearbyint(x[i] * factor));
  return !finite ? std::numeric_limits<float>::quiet_NaN() : zeros ? 0 : most / 127;
}

/// The product of one row of x and one of W.
double product(const QMatmul& a, int64_t m, int64_t n) {
  const BlockFormat& format = format_of(a.format);
  const int64_t blocks = a.K / format.elements, padded = padded_cols(a.K);
  const auto* block = static_cast<const uint8_t*>(a.w) + n * blocks * format.bytes;
  const int8_t* x = a.x + m * padded;
  const float* x_scale = a.x_scale + m * padded / quantised_block;
  double y = 0;
  OpenBlock open;
  for (int64_t k = 0; k < a.K; block += format.bytes) {
    format.open(block, open);
    for (int i = 0; i < format.elements; ++i, ++k) {
      const int group = i / format.group;
      double w = static_cast<double>(open.scale[group]) * open.q[i];
      if (format.offsets) w += static_cast<double>(open.offset[group]);
      y += w * (static_cast<double>(x_scale[k / quantised_block]) * x[k]);
    }
  }
  return y;
}

}  // namespace

void quantize_rows_reference(const Launch&, const QuantizeRows& a) {
  const int64_t padded = padded_cols(a.cols);
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t k = 0; k < padded; k += quantised_block) {
      const int64_t at = r * padded + k;
      int8_t* const q = a.q + at;
      const float nothing[quantised_block] = {};
      a.scale[at / quantised_block] = quantize_block(k < a.cols ? a.x + r * a.cols + k : nothing, q);
      int32_t sum = 0;
      for (int64_t i = 0; i < quantised_block; ++i) sum += q[i];
      a.sum[at / quantised_block] = sum;
    }
}

void qmatmul_reference(const Launch&, const QMatmul& a) {
  for (int64_t m = 0; m < a.M; ++m)
    for (int64_t n = 0; n < a.N; ++n)
      a.y[m * a.N + n] = static_cast<float>(product(a, m, n) + (a.bias ? static_cast<double>(a.bias[n]) : 0));
}

void widen_row(const WidenRows& a, int64_t i) {
  const BlockFormat& format = format_of(a.format);
  const int64_t blocks = a.cols / format.elements;
  const auto* row = static_cast<const uint8_t*>(a.w) + a.ids[i] * blocks * format.bytes;
  OpenBlock open;
  for (int64_t b = 0; b < blocks; ++b) {
    format.open(row + b * format.bytes, open);
    widen_block(format, open, a.y + i * a.cols + b * format.elements);
  }
}

void widen_rows_reference(const Launch&, const WidenRows& a) {
  for (int64_t i = 0; i < a.n; ++i) widen_row(a, i);
}

}  // namespace hewn
