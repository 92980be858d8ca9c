#include <cmath>

#include "kernels/contract/case.h"
#include "kernels/reduce/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<Reduce> = std::tuple{&Reduce::x, &Reduce::y};
template <>
inline constexpr auto pointers_in<MaxBackward> =
    std::tuple{&MaxBackward::x, &MaxBackward::y, &MaxBackward::dy, &MaxBackward::dx};
template <>
inline constexpr auto pointers_in<Expand> = std::tuple{&Expand::x, &Expand::y};

namespace {

/// With bf16, only sums and maxima, which are float32.
void add_cases(Cases& cases, const CaseRequest& request, int64_t outer, int64_t n, int64_t inner) {
  const DType t = request.dtype, of_y = t == DType::bf16 ? DType::f32 : t;
  const double tolerance = t == DType::f64 ? 1e-13 : 1e-6;
  const Fill fill = request.bench ? Fill::normal : Fill::harsh;
  const std::string sizes = std::to_string(outer) + "x" + std::to_string(n) + "x" + std::to_string(inner);
  const int64_t all = outer * n * inner, some = outer * inner;
  for (const Write write : {Write::set, Write::add}) {
    const std::string shape = sizes + (write == Write::add ? " add" : "");
    for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max}) {
      CaseMemory f(request.seed);
      const auto* x = f.input("x", t, all, fill);
      auto* y = f.output("y", of_y, some, tolerance, std::sqrt(static_cast<double>(n)));
      cases.push_back(std::make_unique<CaseOf<Reduce>>(std::move(f),
                                                       shape + (op == ReduceOp::sum ? " sum" : " max"), t,
                                                       Reduce{op, t, outer, n, inner, 0.75, x, y, write}));
    }
    if (t == DType::bf16) continue;
    CaseMemory e(request.seed);
    const auto* x = e.input("x", t, some);
    auto* y = e.output("y", t, all, tolerance, 1);
    cases.push_back(std::make_unique<CaseOf<Expand>>(std::move(e), shape, t,
                                                     Expand{t, outer, n, inner, 0.75, x, y, write}));
    CaseMemory b(request.seed);  // all elements are equal: the gradient goes to the first
    x = b.input("x", t, all, Fill::zero);
    const auto* most = b.input("y", t, some, Fill::zero);
    const auto* dy = b.input("dy", t, some);
    auto* dx = b.output("dx", t, all, tolerance, 1);
    cases.push_back(std::make_unique<CaseOf<MaxBackward>>(
        std::move(b), shape, t, MaxBackward{t, outer, n, inner, x, most, dy, dx, write}));
  }
}

std::string shape_of(int64_t outer, int64_t n, int64_t inner, Write write) {
  return sizes_text({outer, n, inner}) + name_of(write);
}

Sketch like_reduce(const Reduce& args) {
  return sketch_of(
      args, args.dtype,
      shape_of(args.outer, args.n, args.inner, args.to_y) + (args.op == ReduceOp::sum ? " sum" : " max"),
      [](CaseMemory& m, Reduce& a) {
        a.x = m.input("x", a.dtype, a.outer * a.n * a.inner);
        a.y = m.output("y", y_type(a), a.outer * a.inner, 1e-6, std::sqrt(static_cast<double>(a.n)));
      });
}

Sketch like_expand(const Expand& args) {
  return sketch_of(args, args.dtype, shape_of(args.outer, args.n, args.inner, args.to_y),
                   [](CaseMemory& m, Expand& a) {
                     a.x = m.input("x", a.dtype, a.outer * a.inner);
                     a.y = m.output("y", a.dtype, a.outer * a.n * a.inner, 1e-6, 1);
                   });
}

Sketch like_max_backward(const MaxBackward& args) {
  return sketch_of(args, args.dtype, shape_of(args.outer, args.n, args.inner, args.to_dx),
                   [](CaseMemory& m, MaxBackward& a) {
                     const int64_t some = a.outer * a.inner, all = some * a.n;
                     a.x = m.input("x", a.dtype, all, Fill::zero);
                     a.y = m.input("y", a.dtype, some, Fill::zero);
                     a.dy = m.input("dy", a.dtype, some);
                     a.dx = m.output("dx", a.dtype, all, 1e-6, 1);
                   });
}

}  // namespace

Cases reduce_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  Cases cases;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 3, "OUTERxNxINNER");
    add_cases(cases, request, s[0], s[1], s[2]);
  } else if (request.bench) {
    add_cases(cases, request, 1, 256 * 3072, 1);
    add_cases(cases, request, 3072, 768, 1);
    add_cases(cases, request, 1, 256, 3072);
    add_cases(cases, request, 1, 768, 128);
  } else {
    for (const int64_t n : sizes_around(request.width)) {
      add_cases(cases, request, 3, n, 1);
      add_cases(cases, request, 1, 5, n);
      add_cases(cases, request, 2, 300, n);  // more than one block of rows
    }
    add_cases(cases, request, 2, 20001, 1);  // more than one block per row
  }
  return cases;
}

Sketch reduce_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_reduce, like_expand, like_max_backward);
}

}  // namespace hewn
