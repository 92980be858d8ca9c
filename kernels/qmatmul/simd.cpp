#include "kernels/qmatmul/abi.h"
#include "kernels/qmatmul/products.h"

namespace hewn {
namespace {

struct QuantisedBlock {
  float scale;
  int32_t sum;
};

/// The bits of the largest absolute value of n elements, n a multiple of 32. As integers, absolute values have the same
/// order, and NaN is larger than infinity.
HEWN_INLINE int32_t extent_bits(const float* x, int64_t n) {
  vi largest{};
  for (int64_t i = 0; i < n; i += W) {
    const vi size = as_int(abs(load(x + i)));
    largest = size > largest ? size : largest;
  }
  int32_t bits = 0;
  for (int i = 0; i < W; ++i) bits = largest[i] > bits ? largest[i] : bits;
  return bits;
}

/// Quantises 32 elements to q, as QuantizeRows defines it. `bits` are those of the largest absolute value.
HEWN_INLINE QuantisedBlock quantize_block(const float* x, int32_t bits, int8_t* q) {
  constexpr int vectors = quantised_block / W;
  float most;
  __builtin_memcpy(&most, &bits, sizeof most);
  const bool finite = bits < 0x7f800000;
  if (!finite || most < 0x1p-120f) {
    __builtin_memset(q, 0, quantised_block);
    return {finite ? 0.0f : __builtin_nanf(""), 0};
  }
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the mantissa.
  const vf factor = set1(127 / most), shift = set1(12582912.0f);
  int32_t rounded[quantised_block];
  vi sums{};
  for (int v = 0; v < vectors; ++v) {
    const vi whole = as_int(load(x + v * W) * factor + shift) - as_int(shift);
    store(rounded + v * W, whole);
    sums += whole;
  }
  for (int64_t i = 0; i < quantised_block; ++i) q[i] = static_cast<int8_t>(rounded[i]);
  int32_t sum = 0;
  for (int i = 0; i < W; ++i) sum += sums[i];
  return {most / 127, sum};
}

/// Chunk number c of a row. `row_bits`: the extent of the whole row, if there is one scale.
void quantize_chunk(const QuantizeRows& a, int64_t row, int64_t c, int32_t row_bits) {
  for (int64_t k = c * quantised_chunk; k < (c + 1) * quantised_chunk; k += quantised_block) {
    const int64_t at = row * padded_cols(a.cols) + k;
    const float* const x = a.x + row * a.cols + k;
    QuantisedBlock block{};
    if (k < a.cols)
      block = quantize_block(x, a.one_scale ? row_bits : extent_bits(x, quantised_block), a.q + at);
    else
      __builtin_memset(a.q + at, 0, quantised_block);
    a.scale[at / quantised_block] = block.scale;
    a.sum[at / quantised_block] = block.sum;
  }
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const QuantizeRows& a) {
  const int64_t chunks = padded_cols(a.cols) / quantised_chunk;
  if (a.one_scale)
    return parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        const int32_t bits = extent_bits(a.x + r * a.cols, a.cols);
        for (int64_t c = 0; c < chunks; ++c) quantize_chunk(a, r, c, bits);
      }
    });
  parallel_for(launch, a.rows * chunks, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) quantize_chunk(a, i / chunks, i % chunks, 0);
  });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const QMatmul& a) {
  multiply_in_format(launch, a);
}

}  // namespace hewn
