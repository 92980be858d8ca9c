#pragma once
// The measured roofline of this machine, with which `hewn bench kernels` and
// `hewn plan` compare.

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/contract/isa.h"

namespace hewn {

/// FLOP/s of fused multiply-adds in registers (each counts as two) on `threads` threads. For bf16: dot
/// products of pairs if the instruction set has them (avx512bf16), products of tiles if it has those (amx),
/// otherwise as f32, since bf16 is then widened. Returns the best of many tries; takes about 0.1 s, and up to
/// 1.5 s if threads slow each other down although each has a core.
double measured_flops(DType dtype, Isa isa, int threads);

/// Seconds from the start of a multiply-add to that of another one that adds to its result. Takes about 60 ms.
double measured_latency(Isa isa);

/// Bytes per second read and written over a working set of `bytes` (clamped to 16 KiB .. 256 MiB), split over
/// `threads` threads: the better of reading only and copying. Takes about 0.1 s.
double measured_bandwidth(size_t bytes, Isa isa, int threads);

/// Functions of kernels/simd/vec_math.h.
enum class MathFunction : uint8_t { exp, tanh };

/// Results per second for f32 arrays in the first-level cache on `threads` threads. Takes about 60 ms and
/// returns the best of many tries.
double measured_functions(MathFunction function, Isa isa, int threads);

}  // namespace hewn
