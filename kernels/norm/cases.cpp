#include "kernels/norm/abi.h"
#include "kernels/norm/norm_cases.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<LayernormForward> =
    std::tuple{&LayernormForward::x, &LayernormForward::weight, &LayernormForward::bias, &LayernormForward::y,
               &LayernormForward::stats};
template <>
inline constexpr auto pointers_in<LayernormBackward> = std::tuple{
    &LayernormBackward::x,  &LayernormBackward::weight,  &LayernormBackward::stats, &LayernormBackward::dy,
    &LayernormBackward::dx, &LayernormBackward::dweight, &LayernormBackward::dbias};

namespace {

/// All operands but x. `exact` is the tolerance for f64.
void add_operands(CaseMemory& m, LayernormForward& a, bool with_bias, double exact) {
  const DType type = norm_parameter_type(a.dtype);
  a.weight = m.input("weight", type, a.cols);
  a.bias = with_bias ? m.input("bias", type, a.cols) : nullptr;
  a.y = m.output("y", a.y_dtype, a.rows * a.cols, norm_tolerance(a.y_dtype, exact, 1e-6));
  a.stats =
      static_cast<double*>(m.output("stats", DType::f64, 2 * a.rows, norm_tolerance(type, exact, 1e-6)));
}

/// All operands; `fill` is for x.
void add_operands(CaseMemory& m, LayernormBackward& a, NormGradients wanted, Fill fill) {
  a.x = m.input("x", a.dtype, a.rows * a.cols, fill);
  a.stats = static_cast<double*>(m.input("stats", DType::f64, 2 * a.rows, [](Rng& rng, int64_t i) {
    return i % 2 == 0 ? rng.normal() : 0.5 + rng.uniform_double();
  }));
  add_norm_gradients(m, a, wanted);
}

void add_forward(Cases& cases, const CaseRequest& request, NormTypes types, int64_t rows, int64_t cols,
                 double offset, bool with_bias) {
  // Far from 0, even a mean in double has an error in the last bits of the offset; it grows with the length
  // of the row and depends on the order of the sum.
  const double exact = offset == 0 ? 1e-13 : 1e-11 * std::sqrt(static_cast<double>(cols));
  CaseMemory m(request.seed);
  LayernormForward a{types.x, types.y, rows, cols, 1e-5, {}, {}, {}, {}, {}};
  a.x = offset == 0
            ? m.input("x", types.x, rows * cols, norm_input(request))
            : m.input("x", types.x, rows * cols, [=](Rng& rng, int64_t) { return offset + rng.normal(); });
  add_operands(m, a, with_bias, exact);
  const std::string shape = norm_shape(a) + (offset != 0 ? " offset" : "");
  cases.push_back(std::make_unique<CaseOf<LayernormForward>>(std::move(m), shape, types.x, a));
}

/// All gradients with the same write, or, with `some`, only dweight.
void add_backward(Cases& cases, const CaseRequest& request, NormTypes types, int64_t rows, int64_t cols,
                  Write write, bool some = false) {
  CaseMemory m(request.seed);
  LayernormBackward a{types.x, types.y, rows, cols, {}, {}, {}, {}};
  add_operands(m, a, {.dx = !some, .dbias = !some}, norm_input(request));
  a.to_dx = a.to_dweight = a.to_dbias = write;
  const std::string shape = norm_shape(a) + name_of(write) + (some ? " dweight only" : "");
  cases.push_back(std::make_unique<CaseOf<LayernormBackward>>(std::move(m), shape, types.x, a));
}

Sketch like_forward(const LayernormForward& args) {
  return sketch_of(args, args.dtype, norm_shape(args), [](CaseMemory& m, LayernormForward& a) {
    a.x = m.input("x", a.dtype, a.rows * a.cols);
    add_operands(m, a, a.bias != nullptr, 1e-13);
  });
}

Sketch like_backward(const LayernormBackward& args) {
  const std::string shape = norm_shape(args) + (args.dx ? name_of(args.to_dx) : " weights only");
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, LayernormBackward& a) {
    add_operands(m, a, {a.dx != nullptr, a.dweight != nullptr, a.dbias != nullptr}, Fill::normal);
  });
}

}  // namespace

Cases norm_cases(const CaseRequest& request) {
  Cases cases;
  for (const NormTypes types : norm_types(request.dtype)) {
    for (const auto [rows, cols] : norm_sizes(request)) {
      add_forward(cases, request, types, rows, cols, 0, true);
      add_backward(cases, request, types, rows, cols, Write::set);
      add_backward(cases, request, types, rows, cols, Write::add);
      if (request.bench) continue;
      add_forward(cases, request, types, rows, cols, 1e4, false);
      add_backward(cases, request, types, rows, cols, Write::add, true);
    }
  }
  return cases;
}

Sketch norm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
