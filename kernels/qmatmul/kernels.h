#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/qmatmul/abi.h"

namespace hewn {

/// The oracles: plain loops; sums of products in double. They accept all block formats.
void quantize_rows_reference(const Launch&, const QuantizeRows& a);
void qmatmul_reference(const Launch&, const QMatmul& a);

/// All block formats. Scratch: K floats per thread.
void qmatmul_widen(const Launch& launch, const QMatmul& a);
/// All block formats. Scratch: M floats per thread.
void qmatmul_integers(const Launch& launch, const QMatmul& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void quantize_rows_simd(const Launch& launch, const QuantizeRows& a);

/// The formats that `multiplied_as_they_are` accepts.
template <Isa I>
void qmatmul_simd(const Launch& launch, const QMatmul& a);

/// Whether there are vector kernels for a format.
constexpr bool multiplied_as_they_are(BlockType format) {
  return format == BlockType::q8_0 || format == BlockType::q4_0 || format == BlockType::q5_0 ||
         format == BlockType::q4_k || format == BlockType::q5_k || format == BlockType::q6_k;
}

}  // namespace hewn
