#include "kernels/activation/abi.h"
#include "kernels/case.h"

namespace hewn {
namespace {

/// Normals, and every so often both zeros and the far tails.
double input_value(Rng& rng, int64_t i) {
  constexpr double special[] = {0.0, -0.0, 12.5, -12.5, 40.0, -40.0};
  return i % 11 == 10 ? special[i / 11 % 6] : 2 * rng.normal();
}

/// SwiGLU with gate and up beside each other in rows of 2 cols.
void add_swiglu(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  const DType t = request.dtype;
  const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
  const auto half = [&](void* x) {
    return static_cast<uint8_t*>(x) + static_cast<size_t>(cols) * size_of(t);
  };
  const std::string shape = std::to_string(rows) + "x" + std::to_string(cols) + " swiglu";
  CaseMemory f(request.seed);
  void* x = f.input("x", t, rows * 2 * cols, input_value);
  void* y = f.output("y", t, rows * cols, tolerance, 1);
  cases.push_back(std::make_unique<CaseOf<SwigluForward>>(
      std::move(f), shape, t, SwigluForward{t, rows, cols, 2 * cols, x, half(x), y}));
  for (const Write write : {Write::set, Write::add}) {
    CaseMemory b(request.seed);
    x = b.input("x", t, rows * 2 * cols, input_value);
    const void* dy = b.input("dy", t, rows * cols);
    void* dx = b.output("dx", t, rows * 2 * cols, tolerance, 1);
    cases.push_back(std::make_unique<CaseOf<SwigluBackward>>(
        std::move(b), shape + (write == Write::add ? " add" : ""), t,
        SwigluBackward{t, rows, cols, 2 * cols, x, half(x), dy, dx, write, half(dx), write}));
  }
}

}  // namespace

Cases activation_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(5000);  // more than one thread's block
  if (request.bench) sizes = {768 * 512, 256 * 3072};
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  constexpr std::pair<Activation, const char*> kinds[] = {{Activation::none, " none"},
                                                          {Activation::relu, " relu"},
                                                          {Activation::silu, " silu"},
                                                          {Activation::gelu_tanh, " gelu_tanh"},
                                                          {Activation::gelu_erf, " gelu_erf"}};
  Cases cases;
  for (const auto& [kind, name] : kinds)
    for (const int64_t n : sizes) {
      const std::string shape = std::to_string(n) + name;
      CaseMemory f(request.seed);
      const auto* x = f.input("x", t, n, input_value);
      auto* y = f.output("y", t, n, tolerance, 1);  // tails: tests/cases/activation.cpp
      cases.push_back(std::make_unique<CaseOf<ActivationForward>>(std::move(f), shape, t,
                                                                  ActivationForward{kind, t, n, x, y}));
      for (const Write write : {Write::set, Write::add}) {
        CaseMemory b(request.seed);
        x = b.input("x", t, n, input_value);
        const auto* dy = b.input("dy", t, n);
        auto* dx = b.output("dx", t, n, tolerance, 1);  // the slope of GELU crosses 0, as a difference
        cases.push_back(std::make_unique<CaseOf<ActivationBackward>>(
            std::move(b), shape + (write == Write::add ? " add" : ""), t,
            ActivationBackward{kind, t, n, x, dy, dx, write}));
      }
    }
  if (!request.shape.empty()) return cases;
  for (const int64_t cols : request.bench ? std::vector<int64_t>{2048} : sizes)
    add_swiglu(cases, request, request.bench ? 256 : 3, cols);
  return cases;
}

}  // namespace hewn
