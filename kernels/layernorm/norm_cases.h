#pragma once
// What the cases of layernorm and rmsnorm have in common.

#include <array>
#include <cmath>
#include <vector>

#include "kernels/contract/case.h"

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
  sizes.push_back({2, 130 * request.width + 5});
  return sizes;
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
  const double tolerance = a.dtype == DType::f64 ? 1e-13 : 2e-6;
  const double terms = std::sqrt(static_cast<double>(a.rows));  // the size of a sum of this many normals
  a.weight = m.input("weight", a.dtype, a.cols);
  a.dy = m.input("dy", a.dtype, a.rows * a.cols);
  if (wanted.dweight) a.dweight = m.output("dweight", a.dtype, a.cols, tolerance, terms);
  if (wanted.dx) a.dx = m.output("dx", a.dtype, a.rows * a.cols, tolerance, 1);
  if constexpr (requires { a.dbias; })
    if (wanted.dbias) a.dbias = m.output("dbias", a.dtype, a.cols, tolerance, terms);
}

}  // namespace hewn
