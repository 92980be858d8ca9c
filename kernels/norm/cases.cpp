#include <array>
#include <cmath>
#include <vector>

#include "kernels/contract/case.h"
#include "kernels/norm/abi.h"

namespace hewn {

template <bool centred>
inline constexpr auto pointers_in<NormForward<centred>> =
    std::tuple{&NormForward<centred>::x, &NormForward<centred>::weight, &NormForward<centred>::bias,
               &NormForward<centred>::y, &NormForward<centred>::stats};
template <bool centred>
inline constexpr auto pointers_in<NormBackward<centred>> =
    std::tuple{&NormBackward<centred>::x,    &NormBackward<centred>::weight, &NormBackward<centred>::stats,
               &NormBackward<centred>::dy,   &NormBackward<centred>::dx,     &NormBackward<centred>::dweight,
               &NormBackward<centred>::dbias};

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

/// All operands of a forward pass but x. `exact` is the tolerance for f64.
template <bool centred>
void add_results(CaseMemory& m, NormForward<centred>& a, bool with_bias, double exact) {
  const DType type = norm_parameter_type(a.dtype);
  a.weight = m.input("weight", type, a.cols);
  a.bias = with_bias ? m.input("bias", type, a.cols) : nullptr;
  a.y = m.output("y", a.y_dtype, a.rows * a.cols, norm_tolerance(a.y_dtype, exact, 1e-6));
  a.stats = static_cast<double*>(
      m.output(stats_name<centred>, DType::f64, a.row_stats * a.rows, norm_tolerance(type, exact, 1e-6)));
}

/// Which gradients a backward pass is to compute.
struct Wanted {
  bool dx = true, dweight = true, dbias = true;
};

/// All operands of a backward pass; `fill` is for x.
template <bool centred>
void add_gradients(CaseMemory& m, NormBackward<centred>& a, Wanted wanted, Fill fill) {
  const DType type = norm_parameter_type(a.dtype);
  const double tolerance = norm_tolerance(type, 1e-13, 2e-6);
  const double terms = std::sqrt(static_cast<double>(a.rows));  // the size of a sum of this many normals
  a.x = m.input("x", a.dtype, a.rows * a.cols, fill);
  a.stats = static_cast<double*>(m.input(
      stats_name<centred>, DType::f64, a.row_stats * a.rows,
      [](Rng& rng, int64_t i) { return centred && i % 2 == 0 ? rng.normal() : 0.5 + rng.uniform_double(); }));
  a.weight = m.input("weight", type, a.cols);
  a.dy = m.input("dy", a.y_dtype, a.rows * a.cols);
  if (wanted.dweight) a.dweight = m.output("dweight", type, a.cols, tolerance, terms);
  if (wanted.dx) a.dx = m.output("dx", a.dtype, a.rows * a.cols, norm_tolerance(a.dtype, 1e-13, 2e-6), 1);
  if (centred && wanted.dbias) a.dbias = m.output("dbias", type, a.cols, tolerance, terms);
}

template <bool centred>
Sketch like_forward(const NormForward<centred>& args) {
  return sketch_of(args, args.dtype, norm_shape(args), [](CaseMemory& m, NormForward<centred>& a) {
    a.x = m.input("x", a.dtype, a.rows * a.cols);
    add_results(m, a, a.bias, 1e-13);
  });
}

template <bool centred>
Sketch like_backward(const NormBackward<centred>& args) {
  const std::string shape = norm_shape(args) + (args.dx ? name_of(args.to_dx) : " weights only");
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, NormBackward<centred>& a) {
    add_gradients(m, a, {a.dx != nullptr, a.dweight != nullptr, a.dbias != nullptr}, Fill::normal);
  });
}

/// Cases of one of the formulas, one size and pair of types.
template <bool centred>
struct NormCases {
  Cases& cases;
  const CaseRequest& request;
  NormTypes types;
  std::array<int64_t, 2> size;

  void forward(double offset, bool with_bias) {
    // Far from 0, even a mean in double has an error in the last bits of the offset; it grows with the length
    // of the row and depends on the order of the sum.
    const double exact = offset == 0 ? 1e-13 : 1e-11 * std::sqrt(static_cast<double>(size[1]));
    CaseMemory m(request.seed);
    NormForward<centred> a{types.x, types.y, size[0], size[1], 1e-5, {}, {}, {}, {}, {}};
    a.x = offset == 0 ? m.input("x", a.dtype, a.rows * a.cols, fill())
                      : m.input("x", a.dtype, a.rows * a.cols,
                                [=](Rng& rng, int64_t) { return offset + rng.normal(); });
    add_results(m, a, with_bias, exact);
    add(std::move(m), a, offset == 0 ? "" : " offset");
  }

  /// All gradients with the same write, or, with `some`, only dweight.
  void backward(Write write, bool some = false) {
    CaseMemory m(request.seed);
    NormBackward<centred> a{types.x, types.y, size[0], size[1], {}, {}, {}, {}};
    add_gradients(m, a, {.dx = !some, .dbias = !some}, fill());
    a.to_dx = a.to_dweight = a.to_dbias = write;
    add(std::move(m), a, std::string(name_of(write)) + (some ? " dweight only" : ""));
  }

  template <class A>
  void add(CaseMemory m, const A& a, const std::string& what) {
    cases.push_back(std::make_unique<CaseOf<A>>(std::move(m), norm_shape(a) + what, a.dtype, a));
  }
  Fill fill() const { return request.bench ? Fill::normal : Fill::harsh; }
};

template <bool centred>
void add_cases(Cases& cases, const CaseRequest& request) {
  for (const NormTypes types : norm_types(request.dtype))
    for (const auto& size : norm_sizes(request)) {
      NormCases<centred> add{cases, request, types, size};
      add.forward(0, centred);
      add.backward(Write::set);
      add.backward(Write::add);
      if (request.bench) continue;
      if (centred) add.forward(1e4, false);
      add.backward(Write::add, true);
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
