#include "kernels/activation/abi.h"
#include "kernels/contract/case.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<ActivationForward> =
    std::tuple{&ActivationForward::x, &ActivationForward::y};
template <>
inline constexpr auto pointers_in<ActivationBackward> =
    std::tuple{&ActivationBackward::x, &ActivationBackward::dy, &ActivationBackward::dx};
template <>
inline constexpr auto pointers_in<SwigluForward> =
    std::tuple{&SwigluForward::gate, &SwigluForward::up, &SwigluForward::y};
template <>
inline constexpr auto pointers_in<SwigluBackward> =
    std::tuple{&SwigluBackward::gate, &SwigluBackward::up, &SwigluBackward::dy, &SwigluBackward::dgate,
               &SwigluBackward::dup};

namespace {

double tolerance_of(DType dtype) { return dtype == DType::f64 ? 1e-14 : dtype == DType::bf16 ? 4e-3 : 1e-6; }

using Value = double (*)(Rng& rng, int64_t i);

/// In benchmarks: standard normals, as in a layer. In tests: wider ones, with both zeros and the far
/// tails at intervals.
Value input_value(const CaseRequest& request) {
  if (request.bench) return [](Rng& rng, int64_t) { return rng.normal(); };
  return [](Rng& rng, int64_t i) {
    constexpr double special[] = {0.0, -0.0, 12.5, -12.5, 40.0, -40.0};
    return i % 11 == 10 ? special[i / 11 % 6] : 2 * rng.normal();
  };
}

void* beside(void* x, DType t, int64_t cols) {
  return static_cast<uint8_t*>(x) + static_cast<size_t>(cols) * size_of(t);
}

/// SwiGLU with gate and up side by side in rows of 2 cols.
void add_swiglu(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  const DType t = request.dtype;
  const double tolerance = tolerance_of(t);
  const auto half = [&](void* x) { return beside(x, t, cols); };
  const std::string shape = std::to_string(rows) + "x" + std::to_string(cols) + " swiglu";
  CaseMemory f(request.seed);
  void* x = f.input("x", t, rows * 2 * cols, input_value(request));
  void* y = f.output("y", t, rows * cols, tolerance, 1);
  cases.push_back(std::make_unique<CaseOf<SwigluForward>>(
      std::move(f), shape, t, SwigluForward{t, rows, cols, 2 * cols, x, half(x), y}));
  for (const Write write : {Write::set, Write::add}) {
    CaseMemory b(request.seed);
    x = b.input("x", t, rows * 2 * cols, input_value(request));
    const void* dy = b.input("dy", t, rows * cols);
    void* dx = b.output("dx", t, rows * 2 * cols, tolerance, 1);
    cases.push_back(std::make_unique<CaseOf<SwigluBackward>>(
        std::move(b), shape + (write == Write::add ? " add" : ""), t,
        SwigluBackward{t, rows, cols, 2 * cols, x, half(x), dy, dx, write, half(dx), write}));
  }
}

/// Elements [first, first + n) of the work.
ActivationForward elements_of(ActivationForward a, int64_t first, int64_t n) {
  a.n = n;
  a.x = shifted(a.x, a.dtype, first), a.y = shifted(a.y, a.dtype, first);
  return a;
}
ActivationBackward elements_of(ActivationBackward a, int64_t first, int64_t n) {
  a.n = n;
  a.x = shifted(a.x, a.dtype, first), a.dy = shifted(a.dy, a.dtype, first);
  a.dx = shifted(a.dx, a.dtype, first);
  return a;
}

/// The parts of a large case that are checked.
template <class A>
std::vector<Excerpt<A>> excerpts_of(const A& a) {
  if (a.n < int64_t{1} << 22) return {};
  return sampled_parts<A>(a, a.n, 1024, 256, elements_of);
}

std::string name_of(Activation kind) { return std::string(" ") + row_of(kind).name; }

Sketch like_forward(const ActivationForward& args) {
  return sketch_of(
      args, args.dtype, sizes_text({args.n}) + name_of(args.kind),
      [](CaseMemory& m, ActivationForward& a) {
        a.x = m.input("x", a.dtype, a.n);
        a.y = m.output("y", a.dtype, a.n, tolerance_of(a.dtype), 1);
      },
      excerpts_of<ActivationForward>);
}

Sketch like_backward(const ActivationBackward& args) {
  return sketch_of(
      args, args.dtype, sizes_text({args.n}) + name_of(args.kind) + name_of(args.to_dx),
      [](CaseMemory& m, ActivationBackward& a) {
        a.x = m.input("x", a.dtype, a.n);
        a.dy = m.input("dy", a.dtype, a.n);
        a.dx = m.output("dx", a.dtype, a.n, tolerance_of(a.dtype), 1);
      },
      excerpts_of<ActivationBackward>);
}

/// Gate and up side by side in rows of 2 cols, as in the model.
Sketch like_swiglu(const SwigluForward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}) + " swiglu",
                   [](CaseMemory& m, SwigluForward& a) {
                     a.row = 2 * a.cols;
                     a.gate = m.input("x", a.dtype, a.rows * a.row);
                     a.up = beside(const_cast<void*>(a.gate), a.dtype, a.cols);
                     a.y = m.output("y", a.dtype, a.rows * a.cols, tolerance_of(a.dtype), 1);
                   });
}

Sketch like_swiglu_backward(const SwigluBackward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}) + " swiglu" + name_of(args.to_dgate),
                   [](CaseMemory& m, SwigluBackward& a) {
                     a.row = 2 * a.cols;
                     a.gate = m.input("x", a.dtype, a.rows * a.row);
                     a.up = beside(const_cast<void*>(a.gate), a.dtype, a.cols);
                     a.dy = m.input("dy", a.dtype, a.rows * a.cols);
                     void* const dx = m.output("dx", a.dtype, a.rows * a.row, tolerance_of(a.dtype), 1);
                     if (a.dgate) a.dgate = dx;
                     if (a.dup) a.dup = beside(dx, a.dtype, a.cols);
                   });
}

}  // namespace

Cases activation_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  const double tolerance = tolerance_of(t);
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(5000);  // more than one thread's block
  if (request.bench) sizes = {768 * 512, 256 * 3072};
  Cases cases;
  if (request.shape.find('x') != std::string::npos) {
    const auto matrix = parse_sizes(request.shape, 2, "RxC for SwiGLU, or N");
    add_swiglu(cases, request, matrix[0], matrix[1]);
    return cases;
  }
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N, or RxC for SwiGLU");
  for (const ActivationRow& row : activation_table)
    for (const int64_t n : sizes) {
      const std::string shape = std::to_string(n) + name_of(row.kind);
      CaseMemory f(request.seed);
      const auto* x = f.input("x", t, n, input_value(request));
      auto* y = f.output("y", t, n, tolerance, 1);  // tails are tested in tests/kernels/cases/activation.cpp
      cases.push_back(std::make_unique<CaseOf<ActivationForward>>(std::move(f), shape, t,
                                                                  ActivationForward{row.kind, t, n, x, y}));
      for (const Write write : {Write::set, Write::add}) {
        CaseMemory b(request.seed);
        x = b.input("x", t, n, input_value(request));
        const auto* dy = b.input("dy", t, n);
        auto* dx = b.output("dx", t, n, tolerance, 1);  // the derivative of GELU crosses 0, as a difference
        cases.push_back(std::make_unique<CaseOf<ActivationBackward>>(
            std::move(b), shape + (write == Write::add ? " add" : ""), t,
            ActivationBackward{row.kind, t, n, x, dy, dx, write}));
      }
    }
  if (!request.shape.empty()) return cases;
  for (const int64_t cols : request.bench ? std::vector<int64_t>{2048} : sizes)
    add_swiglu(cases, request, request.bench ? 256 : 3, cols);
  return cases;
}

Sketch activation_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward, like_swiglu, like_swiglu_backward);
}

}  // namespace hewn
