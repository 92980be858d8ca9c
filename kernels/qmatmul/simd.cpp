#include "kernels/qmatmul/kernels.h"
#include "kernels/qmatmul/products.h"

namespace hewn {
namespace {

struct QuantisedBlock {
  float scale;
  int32_t sum;
};

/// Quantises 32 elements to q, as QuantizeRows defines it.
QuantisedBlock quantize_block(const float* x, int8_t* q) {
  constexpr int vectors = quantised_block / W;
  vi largest{};  // as integers, absolute values have the same order, and NaN is larger than infinity
  for (int v = 0; v < vectors; ++v) {
    const vi size = as_int(abs(load(x + v * W)));
    largest = size > largest ? size : largest;
  }
  int32_t bits = 0;
  for (int i = 0; i < W; ++i) bits = largest[i] > bits ? largest[i] : bits;
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

/// Chunk number c of a row.
void quantize_chunk(const QuantizeRows& a, int64_t row, int64_t c) {
  for (int64_t k = c * quantised_chunk; k < (c + 1) * quantised_chunk; k += quantised_block) {
    const int64_t at = row * padded_cols(a.cols) + k;
    QuantisedBlock block{};
    if (k < a.cols)
      block = quantize_block(a.x + row * a.cols + k, a.q + at);
    else
      __builtin_memset(a.q + at, 0, quantised_block);
    a.scale[at / quantised_block] = block.scale;
    a.sum[at / quantised_block] = block.sum;
  }
}

}  // namespace

template <>
void quantize_rows_simd<Isa::HEWN_ISA>(const Launch& launch, const QuantizeRows& a) {
  const int64_t chunks = padded_cols(a.cols) / quantised_chunk;
  parallel_for(launch, a.rows * chunks, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) quantize_chunk(a, i / chunks, i % chunks);
  });
}

template <>
void qmatmul_simd<Isa::HEWN_ISA>(const Launch& launch, const QMatmul& a) {
  switch (a.format) {
    case BlockType::q8_0: return multiply<Q8_0>(launch, a);
    case BlockType::q4_0: return multiply<Q4_0>(launch, a);
    case BlockType::q5_0: return multiply<Q5_0>(launch, a);
    case BlockType::q4_k: return multiply<Q4_K>(launch, a);
    case BlockType::q5_k: return multiply<Q5_K>(launch, a);
    case BlockType::q6_k: return multiply<Q6_K>(launch, a);
    default: return;  // declined by the ladder
  }
}

}  // namespace hewn
