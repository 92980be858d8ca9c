#include <cmath>

#include "kernels/contract/case.h"
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

void add_forward(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  const DType t = request.dtype;
  const double tolerance = t == DType::f64 ? 1e-13 : 1e-6;
  CaseMemory m(request.seed);
  const auto* x = m.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh);
  const auto* weight = m.input("weight", t, cols);
  auto* y = m.output("y", t, rows * cols, tolerance);
  auto* rstd = static_cast<double*>(m.output("rstd", DType::f64, rows, tolerance));
  std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
  RmsnormForward a{t, rows, cols, 1e-5, x, weight, y, rstd};
  cases.push_back(std::make_unique<CaseOf<RmsnormForward>>(std::move(m), shape, t, a));
}

/// Both gradients with the same write, or, with `some`, only dweight.
void add_backward(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols, Write write,
                  bool some = false) {
  const DType t = request.dtype;
  const double tolerance = t == DType::f64 ? 1e-13 : 2e-6;
  const double terms = std::sqrt(static_cast<double>(rows));  // the size of a sum of this many normals
  CaseMemory m(request.seed);
  RmsnormBackward a{t, rows, cols, {}, {}, {}, {}};
  a.x = m.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh);
  a.weight = m.input("weight", t, cols);
  a.rstd = static_cast<double*>(
      m.input("rstd", DType::f64, rows, [](Rng& rng, int64_t) { return 0.5 + rng.uniform_double(); }));
  a.dy = m.input("dy", t, rows * cols);
  a.dweight = m.output("dweight", t, cols, tolerance, terms);
  if (!some) a.dx = m.output("dx", t, rows * cols, tolerance, 1);
  a.to_dx = a.to_dweight = write;
  std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
  if (write == Write::add) shape += " add";
  if (some) shape += " dweight only";
  cases.push_back(std::make_unique<CaseOf<RmsnormBackward>>(std::move(m), shape, t, a));
}

Sketch like_forward(const RmsnormForward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}),
                   [](CaseMemory& m, RmsnormForward& a) {
                     const int64_t n = a.rows * a.cols;
                     a.x = m.input("x", a.dtype, n);
                     a.weight = m.input("weight", a.dtype, a.cols);
                     a.y = m.output("y", a.dtype, n, 1e-6);
                     a.rstd = static_cast<double*>(m.output("rstd", DType::f64, a.rows, 1e-6));
                   });
}

Sketch like_backward(const RmsnormBackward& args) {
  const std::string shape =
      sizes_text({args.rows, args.cols}) + (args.dx ? name_of(args.to_dx) : " weights only");
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, RmsnormBackward& a) {
    const int64_t n = a.rows * a.cols;
    const double terms = std::sqrt(static_cast<double>(a.rows));  // as in add_backward
    a.x = m.input("x", a.dtype, n);
    a.weight = m.input("weight", a.dtype, a.cols);
    a.rstd = static_cast<double*>(
        m.input("rstd", DType::f64, a.rows, [](Rng& rng, int64_t) { return 0.5 + rng.uniform_double(); }));
    a.dy = m.input("dy", a.dtype, n);
    if (a.dx) a.dx = m.output("dx", a.dtype, n, 2e-6, 1);
    if (a.dweight) a.dweight = m.output("dweight", a.dtype, a.cols, 2e-6, terms);
  });
}

}  // namespace

Cases rmsnorm_cases(const CaseRequest& request) {
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
    add_forward(cases, request, rows, cols);
    add_backward(cases, request, rows, cols, Write::set);
    add_backward(cases, request, rows, cols, Write::add);
    if (!request.bench) add_backward(cases, request, rows, cols, Write::add, true);
  }
  return cases;
}

Sketch rmsnorm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
