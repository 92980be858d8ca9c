#include <cmath>

#include "kernels/contract/case.h"
#include "kernels/layernorm/abi.h"

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

void add_forward(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols, double offset,
                 bool with_bias) {
  const DType t = request.dtype;
  // Far from 0, even a mean in double has an error in the last bits of the offset; it grows with the length
  // of the row and depends on the order of the sum.
  const double exact = offset == 0 ? 1e-13 : 1e-11 * std::sqrt(static_cast<double>(cols));
  const double tolerance = t == DType::f64 ? exact : 1e-6;
  CaseMemory m(request.seed);
  const auto* x =
      offset == 0 ? m.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh)
                  : m.input("x", t, rows * cols, [=](Rng& rng, int64_t) { return offset + rng.normal(); });
  const auto* weight = m.input("weight", t, cols);
  const auto* bias = with_bias ? m.input("bias", t, cols) : nullptr;
  auto* y = m.output("y", t, rows * cols, tolerance);
  auto* stats = static_cast<double*>(m.output("stats", DType::f64, 2 * rows, tolerance));
  std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
  if (offset != 0) shape += " offset";
  LayernormForward a{t, rows, cols, 1e-5, x, weight, bias, y, stats};
  cases.push_back(std::make_unique<CaseOf<LayernormForward>>(std::move(m), shape, t, a));
}

/// All gradients with the same write, or, with `some`, only dweight.
void add_backward(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols, Write write,
                  bool some = false) {
  const DType t = request.dtype;
  const double tolerance = t == DType::f64 ? 1e-13 : 2e-6;
  const double terms = std::sqrt(static_cast<double>(rows));  // the size of a sum of this many normals
  CaseMemory m(request.seed);
  LayernormBackward a{t, rows, cols, {}, {}, {}, {}};
  a.x = m.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh);
  a.weight = m.input("weight", t, cols);
  a.stats = static_cast<double*>(m.input("stats", DType::f64, 2 * rows, [](Rng& rng, int64_t i) {
    return i % 2 == 0 ? rng.normal() : 0.5 + rng.uniform_double();
  }));
  a.dy = m.input("dy", t, rows * cols);
  a.dweight = m.output("dweight", t, cols, tolerance, terms);
  if (!some) {
    a.dx = m.output("dx", t, rows * cols, tolerance, 1);
    a.dbias = m.output("dbias", t, cols, tolerance, terms);
  }
  a.to_dx = a.to_dweight = a.to_dbias = write;
  std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
  if (write == Write::add) shape += " add";
  if (some) shape += " dweight only";
  cases.push_back(std::make_unique<CaseOf<LayernormBackward>>(std::move(m), shape, t, a));
}

Sketch like_forward(const LayernormForward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}),
                   [](CaseMemory& m, LayernormForward& a) {
                     const int64_t n = a.rows * a.cols;
                     a.x = m.input("x", a.dtype, n);
                     a.weight = m.input("weight", a.dtype, a.cols);
                     if (a.bias) a.bias = m.input("bias", a.dtype, a.cols);
                     a.y = m.output("y", a.dtype, n, 1e-6);
                     a.stats = static_cast<double*>(m.output("stats", DType::f64, 2 * a.rows, 1e-6));
                   });
}

Sketch like_backward(const LayernormBackward& args) {
  const std::string shape =
      sizes_text({args.rows, args.cols}) + (args.dx ? name_of(args.to_dx) : " weights only");
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, LayernormBackward& a) {
    const int64_t n = a.rows * a.cols;
    const double terms = std::sqrt(static_cast<double>(a.rows));  // as in add_backward
    a.x = m.input("x", a.dtype, n);
    a.weight = m.input("weight", a.dtype, a.cols);
    a.stats = static_cast<double*>(m.input("stats", DType::f64, 2 * a.rows, [](Rng& rng, int64_t i) {
      return i % 2 == 0 ? rng.normal() : 0.5 + rng.uniform_double();
    }));
    a.dy = m.input("dy", a.dtype, n);
    if (a.dx) a.dx = m.output("dx", a.dtype, n, 2e-6, 1);
    if (a.dweight) a.dweight = m.output("dweight", a.dtype, a.cols, 2e-6, terms);
    if (a.dbias) a.dbias = m.output("dbias", a.dtype, a.cols, 2e-6, terms);
  });
}

}  // namespace

Cases layernorm_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32 && request.dtype != DType::f64) return {};
  std::vector<std::array<int64_t, 2>> sizes;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    sizes.push_back({s[0], s[1]});
  } else if (request.bench) {
    sizes = {{256, 768}, {4096, 768}};
  } else {
    for (const int64_t cols : sizes_around(request.width))
      sizes.insert(sizes.end(), {{3, cols}, {101, cols}});
    sizes.push_back({2, 130 * request.width + 5});
  }
  Cases cases;
  for (const auto [rows, cols] : sizes) {
    add_forward(cases, request, rows, cols, 0, true);
    add_backward(cases, request, rows, cols, Write::set);
    add_backward(cases, request, rows, cols, Write::add);
    if (request.bench) continue;
    add_forward(cases, request, rows, cols, 1e4, false);
    add_backward(cases, request, rows, cols, Write::add, true);
  }
  return cases;
}

Sketch layernorm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
