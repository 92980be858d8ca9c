#pragma once
// Measured throughput of the elementary functions that kernels use.

#include <cstdint>

#include "kernels/contract/isa.h"

namespace hewn {

/// Functions of kernels/simd/vec_math.h.
enum class MathFunction : uint8_t { exp, tanh };

/// Results per second for f32 arrays in the first-level cache on `threads` threads. Takes about 60 ms and
/// returns the best of many tries.
double measured_functions(MathFunction function, Isa isa, int threads);

}  // namespace hewn
