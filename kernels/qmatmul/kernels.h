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

/// From this many rows of x on, qmatmul_simd and qmatmul_vnni transpose W in panels, if vectors have 32 bytes or more.
inline constexpr int64_t panels_from = 8;
/// Rows of x that stay in a near cache while W passes.
inline constexpr int64_t near_rows = 64;
/// The scratch that they need for each thread: for a group of 32 columns in panels; else for a chunk of 256 columns of
/// each row of x, of at most near_rows.
inline constexpr size_t panel_group_bytes = 384, near_chunk_bytes = 352;

/// The formats that `multiplied_as_they_are` accepts.
template <Isa I>
void qmatmul_simd(const Launch& launch, const QMatmul& a);

/// The same for processors that multiply four bytes per lane and instruction.
template <Isa I>
void qmatmul_vnni(const Launch& launch, const QMatmul& a);

template <Isa I>
void encode_blocks_simd(const Launch& launch, const EncodeBlocks& a);

// GPUs, the same formats.

/// A block of threads for each row.
template <Isa I>
void quantize_rows_gpu(const Launch& on, const QuantizeRows& a);
template <Isa I>
void widen_rows_gpu(const Launch& on, const WidenRows& a);

/// A warp for each row of W and up to four rows of x.
template <Isa I>
void qmatmul_gpu(const Launch& on, const QMatmul& a);

}  // namespace hewn
