#include "kernels/case.h"
#include "kernels/softmax/abi.h"

namespace hewn {

Cases softmax_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
  std::vector<std::array<int64_t, 2>> sizes;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    sizes.push_back({s[0], s[1]});
  } else if (request.bench) {
    sizes = {{3072, 64}, {3072, 256}, {256, 50257}};
  } else {
    for (const int64_t cols : sizes_around(request.width))
      sizes.push_back({3, cols}), sizes.push_back({37, cols});
  }
  Cases cases;
  for (const auto [rows, cols] : sizes) {
    const std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
    CaseMemory f(request.seed);
    const auto* x = f.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh);
    auto* y = f.output("y", t, rows * cols, tolerance);
    cases.push_back(std::make_unique<CaseOf<SoftmaxForward>>(std::move(f), shape, t,
                                                             SoftmaxForward{t, rows, cols, x, y}));
    for (const Write write : {Write::set, Write::add}) {
      CaseMemory b(request.seed);
      const auto* probabilities =
          b.input("y", t, rows * cols, [](Rng& rng, int64_t) { return rng.uniform_double(); });
      const auto* dy = b.input("dy", t, rows * cols);
      auto* dx = b.output("dx", t, rows * cols, 5 * tolerance);
      cases.push_back(std::make_unique<CaseOf<SoftmaxBackward>>(
          std::move(b), shape + (write == Write::add ? " add" : ""), t,
          SoftmaxBackward{t, rows, cols, probabilities, dy, dx, write}));
    }
  }
  return cases;
}

}  // namespace hewn
