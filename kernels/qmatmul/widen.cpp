#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

/// The product of a row of x and a widened row of W, block by block of x.
float product_of_floats(const int8_t* x, const float* x_scale, const float* w, int64_t K) {
  float y = 0;
  for (int64_t k = 0; k < K; k += quantised_block) {
    float sum = 0;
    for (int64_t i = k; i < k + quantised_block; ++i) sum += w[i] * static_cast<float>(x[i]);
    y += x_scale[k / quantised_block] * sum;
  }
  return y;
}

}  // namespace

/// Each row of W is written out in float32, eight times its size in blocks of 4 bits, before all rows of x read it from
/// there.
template <>
void kernel<"widen">(const Launch& launch, const QMatmul& a) {
  const BlockFormat& format = format_of(a.format);
  const int64_t blocks = a.K / format.elements, padded = padded_cols(a.K);
  parallel_for(launch, a.N, [&](int64_t begin, int64_t end, int worker) {
    float* const w = static_cast<float*>(launch.scratch) + worker * a.K;
    OpenBlock open;
    for (int64_t n = begin; n < end; ++n) {
      for (int64_t b = 0; b < blocks; ++b) {
        format.open(static_cast<const uint8_t*>(a.w) + (n * blocks + b) * format.bytes, open);
        widen_block(format, open, w + b * format.elements);
      }
      for (int64_t m = 0; m < a.M; ++m)
        a.y[m * a.N + n] =
            product_of_floats(a.x + m * padded, a.x_scale + m * padded / quantised_block, w, a.K) +
            (a.bias ? a.bias[n] : 0);
    }
  });
}

template <>
void kernel<"threads">(const Launch& launch, const WidenRows& a) {
  parallel_for(launch, a.n, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) widen_row(a, i);
  });
}

}  // namespace hewn
