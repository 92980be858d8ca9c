#pragma once
// What simd_vec.cpp offers this folder's tests: the functions of kernels/simd/vec.h, vec_math.h and
// activation/curves.h, by instruction set.

#include <cstdint>
#include <utility>

#include "kernels/activation/table.h"
#include "kernels/contract/isa.h"

namespace hewn::test {

enum class VecFunction : uint8_t {
  exp,
  exp_below_0,
  log,
  tanh,
  sigmoid,
  sigmoid_slope,
  normal_cdf,
  normal_density
};

/// Lanes of a vector of floats.
template <Isa I>
int vec_lanes();

/// y[i] = f(x[i]) for i < n, a multiple of the lanes.
template <Isa I>
void vec_apply(VecFunction f, const float* x, float* y, int64_t n);

/// The error stated for f, in units in the last place.
template <Isa I>
double vec_ulp(VecFunction f);

/// The same of an activation's curve, of its value or of its slope.
enum class CurvePart : uint8_t { value, slope };
template <Isa I>
void curve_apply(Activation kind, CurvePart part, const float* x, float* y, int64_t n);
template <Isa I>
double curve_ulp(Activation kind, CurvePart part);

/// One vector's worth: `first` elements of x are read by load_part (the rest are `rest`) and written to y by
/// store_part; results[0..2] = sum_lanes, max_lanes and the sum of the doubles.
template <Isa I>
void vec_parts(const float* x, int64_t first, float rest, float* y, double* results);

/// Calls body.operator()<I>() for every compiled instruction set this machine has.
template <class Body>
void for_each_isa(Body body) {
  const auto one = [&]<Isa I>() {
    if (supported(I)) body.template operator()<I>();
  };
  [&]<size_t... i>(std::index_sequence<i...>) { (one.template operator()<compiled_isas[i]>(), ...); }
  (std::make_index_sequence<compiled_isas.size()>());
}

}  // namespace hewn::test
