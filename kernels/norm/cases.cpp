#include <array>
#include <cmath>
#include <vector>

#include "kernels/contract/case.h"
#include "kernels/norm/abi.h"

namespace hewn {
namespace {

/// Rows and columns of a request's cases.
std::vector<std::array<int64_t, 2>> norm_sizes(const CaseRequest& request) {
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
std::vector<NormTypes> norm_types(DType t) {
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
double norm_tolerance(DType t, double wide, double single) {
  return t == DType::f64 ? wide : t == DType::f32 ? single : 8e-3;
}

template <bool centred>
constexpr const char* stats_name = centred ? "stats" : "rstd";

/// With values of x around `offset`. Far from 0, even a mean in double has an error in the last bits of the offset; it
/// grows with the length of the row and depends on the order of the sum.
template <bool centred>
Sketch forward(const NormForward<centred>& args, double offset) {
  return sketch_of(
      args, args.dtype, norm_shape(args) + (offset == 0 ? "" : " offset"),
      [offset](CaseMemory& m, NormForward<centred>& a) {
        const DType type = norm_parameter_type(a.dtype);
        const int64_t n = a.rows * a.cols;
        const double exact = offset == 0 ? 1e-13 : 1e-11 * std::sqrt(static_cast<double>(a.cols));
        const auto around = [=](Rng& rng, int64_t) { return offset + rng.normal(); };
        a.x = offset == 0 ? m.input("x", a.dtype, n, Fill::harsh) : m.input("x", a.dtype, n, around);
        a.weight = m.input("weight", type, a.cols);
        if (a.bias) a.bias = m.input("bias", type, a.cols);
        a.y = m.output("y", a.y_dtype, n, norm_tolerance(a.y_dtype, exact, 1e-6));
        a.stats = m.output(stats_name<centred>, DType::f64, a.row_stats * a.rows,
                           norm_tolerance(type, exact, 1e-6));
      });
}
template <bool centred>
Sketch like_forward(const NormForward<centred>& args) {
  return forward(args, 0);
}

/// Computes the gradients that are not null.
template <bool centred>
Sketch like_backward(const NormBackward<centred>& args) {
  const std::string shape = norm_shape(args) + (args.dx ? name_of(args.to_dx) : " weights only");
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, NormBackward<centred>& a) {
    const DType type = norm_parameter_type(a.dtype);
    const double tolerance = norm_tolerance(type, 1e-13, 2e-6);
    const double terms = std::sqrt(static_cast<double>(a.rows));  // the size of a sum of this many normals
    a.x = m.input("x", a.dtype, a.rows * a.cols, Fill::harsh);
    a.stats = m.input(stats_name<centred>, DType::f64, a.row_stats * a.rows, [](Rng& rng, int64_t i) {
      return centred && i % 2 == 0 ? rng.normal() : 0.5 + rng.uniform_double();
    });
    a.weight = m.input("weight", type, a.cols);
    a.dy = m.input("dy", a.y_dtype, a.rows * a.cols);
    if (a.dweight) a.dweight = m.output("dweight", type, a.cols, tolerance, terms);
    if (a.dx) a.dx = m.output("dx", a.dtype, a.rows * a.cols, norm_tolerance(a.dtype, 1e-13, 2e-6), 1);
    if (a.dbias) a.dbias = m.output("dbias", type, a.cols, tolerance, terms);
  });
}

template <bool centred>
void add_cases(Cases& cases, const CaseRequest& request) {
  for (const NormTypes types : norm_types(request.dtype))
    for (const auto& size : norm_sizes(request)) {
      const int64_t rows = size[0], cols = size[1];
      const auto add_forward = [&](double offset, const void* bias) {
        cases.push_back(forward<centred>({types.x, types.y, rows, cols, 1e-5, {}, {}, bias, {}, {}}, offset)
                            .make(request));
      };
      const auto add_backward = [&](Write write, void* dx) {
        void* const dbias = centred ? dx : nullptr;
        cases.push_back(
            like_backward<centred>(
                {types.x, types.y, rows, cols, {}, {}, {}, {}, dx, write, wanted, write, dbias, write})
                .make(request));
      };
      add_forward(0, centred ? wanted : Place{});
      add_backward(Write::set, wanted);
      add_backward(Write::add, wanted);
      if (request.bench) continue;
      if (centred) add_forward(1e4, nullptr);
      add_backward(Write::add, nullptr);  // only dweight
    }
}

}  // namespace

Cases norm_cases(const CaseRequest& request) {
  Cases cases;
  add_cases<true>(cases, request);
  add_cases<false>(cases, request);
  return cases;
}

Sketch norm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward<true>, like_backward<true>, like_forward<false>,
                          like_backward<false>);
}

}  // namespace hewn
