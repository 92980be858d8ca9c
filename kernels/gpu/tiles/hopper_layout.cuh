#pragma once
// The location of each element of Hopper's instructions, in shared memory and in registers. The kernels and
// the emulated instructions are built on these functions, and tests hold both against the tables of the PTX
// ISA 8.0: "Asynchronous Warpgroup Level Matrix Instructions" and "Tensors: swizzling modes".

#include "kernels/gpu/runtime/tensor_map.h"
#include "kernels/gpu/tiles/tile.cuh"

namespace hewn {
namespace {

/// Offset of byte `at` in swizzled rows of 128 bytes: the 16-byte chunks of a row are permuted so that those
/// of eight consecutive rows fall into different banks. The pattern starts at multiples of 1024.
__host__ __device__ constexpr uint32_t swizzled_byte(uint32_t at) { return at ^ ((at >> 7 & 7) << 4); }

/// A wgmma operand of 16 terms in shared memory; offsets in bytes from its start, before swizzling.
struct SharedOperand {
  uint32_t start;
  uint32_t leading;  ///< memory along the span: bytes between groups of 64 of the span; else unused
  uint32_t stride;   ///< memory along the span: bytes between groups of eight terms; else between groups of
                     ///< eight of the span
};

/// A stage of `span` rows of A, or columns of B, by `depth` terms, in the boxes of 64 elements per row
/// that the copy engine writes. If `along`, memory rows run along the span instead of the terms: each box
/// then has 64 of the span by `depth` terms, and boxes follow each other. Otherwise one box has 64 terms
/// of the whole span.
template <bool along, int depth>
__host__ __device__ constexpr SharedOperand operand_at(uint32_t start, int term) {
  static_assert(depth % 16 == 0 && (along || depth == 64));
  if constexpr (along)
    return {start + static_cast<uint32_t>(term) * 128, depth * 128, 8 * 128};
  else
    return {start + static_cast<uint32_t>(term) * 2, 16, 8 * 128};
}

/// Swizzled position of bf16 element (s, k) of an operand, s >= 0, k < 16.
template <bool along>
__host__ __device__ constexpr uint32_t byte_of(const SharedOperand& x, int s, int k) {
  const auto span = static_cast<uint32_t>(s), term = static_cast<uint32_t>(k);
  return swizzled_byte(along ? x.start + span / 64 * x.leading + term / 8 * x.stride + term % 8 * 128 +
                                   span % 64 * 2
                             : x.start + span / 8 * x.stride + span % 8 * 128 + term * 2);
}

/// The 64-bit descriptor: offsets in units of 16 bytes, and the 128-byte swizzle mode.
__host__ __device__ constexpr uint64_t descriptor_of(const SharedOperand& x) {
  const auto field = [](uint32_t bytes) { return uint64_t{(bytes & 0x3ffff) >> 4}; };
  return field(x.start) | field(x.leading) << 16 | field(x.stride) << 32 | uint64_t{1} << 62;
}
__host__ __device__ constexpr SharedOperand operand_of(uint64_t descriptor) {
  const auto bytes = [&](int bit) { return static_cast<uint32_t>(descriptor >> bit & 0x3fff) << 4; };
  return {bytes(0), bytes(16), bytes(32)};
}

/// Position of a thread's i-th float within the 64 rows of a warpgroup's product; every four floats advance
/// by eight columns.
__host__ __device__ constexpr Element place_in_group(int thread, int i) {
  return {thread / 32 % 4 * 16 + thread % 32 / 4 + i / 2 % 2 * 8, i / 4 * 8 + thread % 4 * 2 + i % 2};
}

/// A barrier in shared memory. Its phases alternate 0, 1, 0, ...; a phase ends when the number of threads
/// given at initialisation and all expected bytes have arrived.
struct Barrier {
  uint64_t state;
};

}  // namespace
}  // namespace hewn
