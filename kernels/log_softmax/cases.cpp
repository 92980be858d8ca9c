#include "kernels/contract/case.h"
#include "kernels/log_softmax/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<LogSoftmaxForward> =
    std::tuple{&LogSoftmaxForward::x, &LogSoftmaxForward::y};
template <>
inline constexpr auto pointers_in<LogSoftmaxBackward> =
    std::tuple{&LogSoftmaxBackward::y, &LogSoftmaxBackward::dy, &LogSoftmaxBackward::dx};

namespace {

Sketch like_forward(const LogSoftmaxForward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}),
                   [](CaseMemory& m, LogSoftmaxForward& a) {
                     a.x = m.input("x", a.dtype, a.rows * a.cols);
                     a.y = m.output("y", a.dtype, a.rows * a.cols, 1e-6);
                   });
}

Sketch like_backward(const LogSoftmaxBackward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}) + name_of(args.to_dx),
                   [](CaseMemory& m, LogSoftmaxBackward& a) {
                     a.y = m.input("y", a.dtype, a.rows * a.cols,
                                   [](Rng& rng, int64_t) { return -20 * rng.uniform_double(); });
                     a.dy = m.input("dy", a.dtype, a.rows * a.cols);
                     a.dx = m.output("dx", a.dtype, a.rows * a.cols, 1e-6, 1);
                   });
}

}  // namespace

Cases log_softmax_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  const double tolerance = t == DType::f64 ? 1e-13 : 1e-6;
  std::vector<std::array<int64_t, 2>> sizes;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    sizes.push_back({s[0], s[1]});
  } else if (request.bench) {
    sizes = {{256, 50257}};
  } else {
    for (const int64_t cols : sizes_around(request.width)) sizes.insert(sizes.end(), {{3, cols}, {37, cols}});
  }
  Cases cases;
  for (const auto [rows, cols] : sizes) {
    const std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
    CaseMemory f(request.seed);
    const auto* x = f.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh);
    auto* y = f.output("y", t, rows * cols, tolerance);
    cases.push_back(std::make_unique<CaseOf<LogSoftmaxForward>>(std::move(f), shape, t,
                                                                LogSoftmaxForward{t, rows, cols, x, y}));
    for (const Write write : {Write::set, Write::add}) {
      CaseMemory b(request.seed);
      const auto* logs =
          b.input("y", t, rows * cols, [](Rng& rng, int64_t) { return -20 * rng.uniform_double(); });
      const auto* dy = b.input("dy", t, rows * cols);
      auto* dx = b.output("dx", t, rows * cols, tolerance, 1);
      cases.push_back(std::make_unique<CaseOf<LogSoftmaxBackward>>(
          std::move(b), shape + (write == Write::add ? " add" : ""), t,
          LogSoftmaxBackward{t, rows, cols, logs, dy, dx, write}));
    }
  }
  return cases;
}

Sketch log_softmax_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
