#pragma once
// What simd_vec.cpp offers tests/kernels/vec.cpp: the functions of kernels/vec.h and vec_math.h, by
// instruction set.

#include <cstdint>

#include "kernels/isa.h"

namespace hewn::test {

enum class VecFunction : uint8_t { exp, log, tanh, sigmoid, sigmoid_slope, normal_cdf, normal_density };

/// Lanes of a vector of floats.
template <Isa I>
int vec_lanes();

/// y[i] = f(x[i]) for as many elements as a vector has.
template <Isa I>
void vec_apply(VecFunction f, const float* x, float* y);

/// One vector's worth: `first` elements of x are read by load_part (the rest are `rest`) and written to y by
/// store_part; results[0..2] = sum_lanes, max_lanes and the sum of the doubles.
template <Isa I>
void vec_parts(const float* x, int64_t first, float rest, float* y, double* results);

}  // namespace hewn::test
