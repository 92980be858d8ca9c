#pragma once
// What the cases of layernorm and rmsnorm have in common.

#include <array>
#include <cmath>
#include <vector>

#include "kernels/contract/case.h"
#include "kernels/norm/types.h"

namespace hewn {

/// Rows and columns of a request's cases.
inline std::vector<std::array<int64_t, 2>> norm_sizes(const CaseRequest& request) {
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    return {{s[0], s[1]}};
  }
  if (request.bench) return {{256, 768}, {4096, 768}};
  std::vector<std::array<int64_t, 2>> sizes;
  for (const int64_t cols : sizes_around(request.width)) sizes.insert(sizes.end(), {{3, cols}, {101, cols}});
  sizes.push_back({5, 10 * request.width});  // whole vectors, also of two widths
  sizes.push_back({2, 130 * request.width + 5});
  return sizes;
}

/// Types of x and y.
struct NormTypes {
  DType x, y;
};

/// Pairs of types with this one. For bf16: results of bf16.
inline std::vector<NormTypes> norm_types(DType t) {
  if (t == DType::bf16) return {{t, t}, {DType::f32, t}};
  if (t == DType::f32 || t == DType::f64) return {{t, t}};
  return {};
}

/// The sizes of a launch as text, with the type of y if x has another.
template <class A>
std::string norm_shape(const A& a) {
  return sizes_text({a.rows, a.cols}) +
         (a.dtype == a.y_dtype ? "" : " to " + std::string(name_of(a.y_dtype)));
}

/// The tolerance for a result of type t: `wide` for f64, `single` for f32, and for bf16 a change of the last
/// bit, since two values that are almost the same may be rounded to different numbers.
inline double norm_tolerance(DType t, double wide, double single) {
  return t == DType::f64 ? wide : t == DType::f32 ? single : 8e-3;
}

/// What x is filled with.
inline Fill norm_input(const CaseRequest& request) { return request.bench ? Fill::normal : Fill::harsh; }

/// Which gradients a backward pass is to compute.
struct NormGradients {
  bool dx = true, dweight = true, dbias = true;
};

/// Operands of a backward pass but for x and the statistics of its rows.
template <class A>
void add_norm_gradients(CaseMemory& m, A& a, NormGradients wanted) {
  const DType type = norm_parameter_type(a.dtype);
  const double tolerance = norm_tolerance(type, 1e-13, 2e-6);
  const double terms = std::sqrt(static_cast<double>(a.rows));  // the size of a sum of this many normals
  a.weight = m.input("weight", type, a.cols);
  a.dy = m.input("dy", a.y_dtype, a.rows * a.cols);
  if (wanted.dweight) a.dweight = m.output("dweight", type, a.cols, tolerance, terms);
  if (wanted.dx) a.dx = m.output("dx", a.dtype, a.rows * a.cols, norm_tolerance(a.dtype, 1e-13, 2e-6), 1);
  if constexpr (requires { a.dbias; })
    if (wanted.dbias) a.dbias = m.output("dbias", type, a.cols, tolerance, terms);
}

}  // namespace hewn
