#pragma once
// How fast the elementary functions are that kernels are made of.

#include <cstdint>

#include "kernels/contract/isa.h"

namespace hewn {

/// Functions of kernels/simd/vec_math.h.
enum class MathFunction : uint8_t { exp, tanh };

/// Results per second, of f32 arrays in the first-level cache, on `threads` threads. Takes about 60 ms; the
/// best of many tries.
double measured_functions(MathFunction function, Isa isa, int threads);

}  // namespace hewn
