#pragma once
// Functions of kernels/simd/vec.h, vec_math.h and activation/curves.h by instruction set, compiled in
// simd_vec.cpp for the tests of this folder.

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

/// y[i] = f(x[i]) for i < n, where n is a multiple of the number of lanes.
template <Isa I>
void vec_apply(VecFunction f, const float* x, float* y, int64_t n);

/// The error stated for f, in units in the last place.
template <Isa I>
double vec_ulp(VecFunction f);

/// y[i] = e^x[i] in double, x[i] <= 0, for i < n, where n is a multiple of the number of lanes, and the error
/// stated for it, in units in the last place.
template <Isa I>
double vec_exp_of_doubles(const double* x, double* y, int64_t n);

/// The same for an activation's curve: of its value or of its slope.
enum class CurvePart : uint8_t { value, slope };
template <Isa I>
void curve_apply(Activation kind, CurvePart part, const float* x, float* y, int64_t n);
template <Isa I>
double curve_ulp(Activation kind, CurvePart part);

/// Tests one vector: reads `first` elements of x with load_part (the other lanes are `rest`) and writes them
/// to y with store_part; results[0 .. 2] = sum_lanes, max_lanes and the sum of the doubles.
template <Isa I>
void vec_parts(const float* x, int64_t first, float rest, float* y, double* results);

/// Calls body.operator()<I>() for every compiled instruction set that this machine supports.
template <class Body>
void for_each_isa(Body body) {
  const auto one = [&]<Isa I>() {
    if (supported(I)) body.template operator()<I>();
  };
  [&]<size_t... i>(std::index_sequence<i...>) { (one.template operator()<compiled_isas[i]>(), ...); }
  (std::make_index_sequence<compiled_isas.size()>());
}

}  // namespace hewn::test
