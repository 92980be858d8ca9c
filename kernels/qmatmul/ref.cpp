#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

/// The largest absolute value of n elements; infinite if one of them is infinite or NaN.
float extent(const float* x, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i)
    most = std::isfinite(x[i]) ? std::max(most, std::abs(x[i])) : std::numeric_limits<float>::infinity();
  return most;
}

/// One block of 32; returns its scale. The results are defined in float32, and thus the same for every rung.
float quantize_block(const float* x, float most, int8_t* q) {
  const bool zeros = !std::isfinite(most) || most < 0x1p-120f;
  const float factor = zeros ? 0 : 127 / most;
  for (int64_t i = 0; i < quantised_block; ++i)
    q[i] = zeros ? int8_t{0} : static_cast<int8_t>(std::nearbyint(x[i] * factor));
  return !std::isfinite(most) ? std::numeric_limits<float>::quiet_NaN() : zeros ? 0 : most / 127;
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

template <>
void kernel<"reference">(const Launch&, const QuantizeRows& a) {
  const int64_t padded = padded_cols(a.cols);
  const float nothing[quantised_block] = {};
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* const row = a.x + r * a.cols;
    const float of_row = a.one_scale ? extent(row, a.cols) : 0;
    for (int64_t k = 0; k < padded; k += quantised_block) {
      const int64_t at = r * padded + k;
      int8_t* const q = a.q + at;
      const float* const x = k < a.cols ? row + k : nothing;
      const float most = a.one_scale && k < a.cols ? of_row : extent(x, quantised_block);
      a.scale[at / quantised_block] = quantize_block(x, most, q);
      int32_t sum = 0;
      for (int64_t i = 0; i < quantised_block; ++i) sum += q[i];
      a.sum[at / quantised_block] = sum;
    }
  }
}

template <>
void kernel<"reference">(const Launch&, const QMatmul& a) {
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

template <>
void kernel<"reference">(const Launch&, const WidenRows& a) {
  for (int64_t i = 0; i < a.n; ++i) widen_row(a, i);
}

}  // namespace hewn
