#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/qmatmul/abi.h"

namespace hewn {

/// The oracles: plain loops; sums of products in double. They accept all block formats.
void quantize_rows_reference(const Launch&, const QuantizeRows& a);
void qmatmul_reference(const Launch&, const QMatmul& a);
/// In float32, as it defines the bits.
void encode_blocks_reference(const Launch&, const EncodeBlocks& a);

/// All block formats. The first widens one row.
void widen_row(const WidenRows& a, int64_t i);
void widen_rows_reference(const Launch&, const WidenRows& a);
void widen_rows_threads(const Launch& launch, const WidenRows& a);
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

template <Isa I>
void encode_blocks_simd(const Launch& launch, const EncodeBlocks& a);

}  // namespace hewn
