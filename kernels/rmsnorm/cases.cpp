#include "kernels/norm/norm_cases.h"
#include "kernels/rmsnorm/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<RmsnormForward> =
    std::tuple{&RmsnormForward::x, &RmsnormForward::weight, &RmsnormForward::y, &RmsnormForward::rstd};
template <>
inline constexpr auto pointers_in<RmsnormBackward> =
    std::tuple{&RmsnormBackward::x,  &RmsnormBackward::weight, &RmsnormBackward::rstd,
               &RmsnormBackward::dy, &RmsnormBackward::dx,     &RmsnormBackward::dweight};

namespace {

/// All operands; `fill` is for x.
void add_operands(CaseMemory& m, RmsnormForward& a, Fill fill) {
  const DType type = norm_parameter_type(a.dtype);
  a.x = m.input("x", a.dtype, a.rows * a.cols, fill);
  a.weight = m.input("weight", type, a.cols);
  a.y = m.output("y", a.y_dtype, a.rows * a.cols, norm_tolerance(a.y_dtype, 1e-13, 1e-6));
  a.rstd = static_cast<double*>(m.output("rstd", DType::f64, a.rows, norm_tolerance(type, 1e-13, 1e-6)));
}

void add_operands(CaseMemory& m, RmsnormBackward& a, NormGradients wanted, Fill fill) {
  a.x = m.input("x", a.dtype, a.rows * a.cols, fill);
  a.rstd = static_cast<double*>(
      m.input("rstd", DType::f64, a.rows, [](Rng& rng, int64_t) { return 0.5 + rng.uniform_double(); }));
  add_norm_gradients(m, a, wanted);
}

void add_forward(Cases& cases, const CaseRequest& request, NormTypes types, int64_t rows, int64_t cols) {
  CaseMemory m(request.seed);
  RmsnormForward a{types.x, types.y, rows, cols, 1e-5, {}, {}, {}, {}};
  add_operands(m, a, norm_input(request));
  cases.push_back(std::make_unique<CaseOf<RmsnormForward>>(std::move(m), norm_shape(a), types.x, a));
}

/// Both gradients with the same write, or, with `some`, only dweight.
void add_backward(Cases& cases, const CaseRequest& request, NormTypes types, int64_t rows, int64_t cols,
                  Write write, bool some = false) {
  CaseMemory m(request.seed);
  RmsnormBackward a{types.x, types.y, rows, cols, {}, {}, {}, {}};
  add_operands(m, a, {.dx = !some}, norm_input(request));
  a.to_dx = a.to_dweight = write;
  const std::string shape = norm_shape(a) + name_of(write) + (some ? " dweight only" : "");
  cases.push_back(std::make_unique<CaseOf<RmsnormBackward>>(std::move(m), shape, types.x, a));
}

Sketch like_forward(const RmsnormForward& args) {
  return sketch_of(args, args.dtype, norm_shape(args),
                   [](CaseMemory& m, RmsnormForward& a) { add_operands(m, a, Fill::normal); });
}

Sketch like_backward(const RmsnormBackward& args) {
  const std::string shape = norm_shape(args) + (args.dx ? name_of(args.to_dx) : " weights only");
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, RmsnormBackward& a) {
    add_operands(m, a, {.dx = a.dx != nullptr, .dweight = a.dweight != nullptr}, Fill::normal);
  });
}

}  // namespace

Cases rmsnorm_cases(const CaseRequest& request) {
  Cases cases;
  for (const NormTypes types : norm_types(request.dtype)) {
    for (const auto [rows, cols] : norm_sizes(request)) {
      add_forward(cases, request, types, rows, cols);
      add_backward(cases, request, types, rows, cols, Write::set);
      add_backward(cases, request, types, rows, cols, Write::add);
      if (!request.bench) add_backward(cases, request, types, rows, cols, Write::add, true);
    }
  }
  return cases;
}

Sketch rmsnorm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
