#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

/// The product of an open block and the elements of a row of x that it meets.
float product_of_integers(const BlockFormat& format, const OpenBlock& w, const int8_t* x,
                          const float* x_scale) {
  float y = 0;
  for (int g = 0; g * format.group < format.elements; ++g) {
    const int first = g * format.group;
    int32_t products = 0, sum = 0;
    for (int i = first; i < first + format.group; ++i) products += w.q[i] * x[i], sum += x[i];
    float part = w.scale[g] * static_cast<float>(products);
    if (format.offsets) part += w.offset[g] * static_cast<float>(sum);
    y += x_scale[first / quantised_block] * part;
  }
  return y;
}

}  // namespace

/// Products of bytes need no floats, and their sums are exact: a scale and an offset are applied once for each group of
/// 16 or 32 elements. A block of W is opened once for all rows of x.
template <>
void kernel<"integers">(const Launch& launch, const QMatmul& a) {
  const BlockFormat& format = format_of(a.format);
  const int64_t blocks = a.K / format.elements, padded = padded_cols(a.K);
  parallel_for(launch, a.N, [&](int64_t begin, int64_t end, int worker) {
    float* const y = static_cast<float*>(launch.scratch) + worker * a.M;
    OpenBlock open;
    for (int64_t n = begin; n < end; ++n) {
      for (int64_t m = 0; m < a.M; ++m) y[m] = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        format.open(static_cast<const uint8_t*>(a.w) + (n * blocks + b) * format.bytes, open);
        for (int64_t m = 0; m < a.M; ++m) {
          const int64_t at = m * padded + b * format.elements;
          y[m] += product_of_integers(format, open, a.x + at, a.x_scale + at / quantised_block);
        }
      }
      for (int64_t m = 0; m < a.M; ++m) a.y[m * a.N + n] = y[m] + (a.bias ? a.bias[n] : 0);
    }
  });
}

}  // namespace hewn
