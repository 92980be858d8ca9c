#pragma once
// The roofs of this machine, measured: what `hewn bench kernels` and `hewn plan` compare with.

#include <cstddef>

#include "core/dtype.h"
#include "kernels/contract/isa.h"

namespace hewn {

/// FLOP/s of nothing but fused multiply-adds in registers (each counts as two), on `threads` threads. f32,
/// f64 or bf16: dot products of bfloat16 pairs where the instruction set has them (avx512bf16), of whole
/// tiles where it has those (amx), else as f32, to which bf16 is widened then. The best of many tries; takes
/// about 0.1 s, and up to 1.5 s where threads slow each other down though they have cores of their own.
double measured_flops(DType dtype, Isa isa, int threads);

/// Bytes per second read and written over a working set of `bytes` (held between 16 KiB and 256 MiB), split
/// over `threads` threads: the better of reading alone and of copying. Takes about 0.1 s.
double measured_bandwidth(size_t bytes, Isa isa, int threads);

}  // namespace hewn
