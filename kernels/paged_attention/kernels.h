#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/paged_attention/abi.h"

namespace hewn {

/// One sequence and head after the other.
void append_to_pages_reference(const Launch&, const AppendToPages& a);
/// The oracle: plain loops in double, one row of scores at a time. Scratch: [most_keys + D] doubles.
void paged_attention_reference(const Launch&, const PagedAttention& a);

/// Heads of sequences over threads.
void append_to_pages_threads(const Launch& launch, const AppendToPages& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void paged_attention_simd(const Launch& launch, const PagedAttention& a);

}  // namespace hewn
