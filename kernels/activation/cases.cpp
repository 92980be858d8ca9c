#include "kernels/activation/abi.h"
#include "kernels/contract/case.h"

namespace hewn {
namespace {

double tolerance_of(DType dtype) { return dtype == DType::f64 ? 1e-14 : dtype == DType::bf16 ? 4e-3 : 1e-6; }

/// In benchmarks: standard normals, as in a layer. In tests: wider ones, with both zeros and the far
/// tails at intervals.
void* input_x(CaseMemory& m, DType t, int64_t n) {
  if (m.bench()) return m.input("x", t, n);
  return m.input("x", t, n, [](Rng& rng, int64_t i) {
    constexpr double special[] = {0.0, -0.0, 12.5, -12.5, 40.0, -40.0};
    return i % 11 == 10 ? special[i / 11 % 6] : 2 * rng.normal();
  });
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
        a.x = input_x(m, a.dtype, a.n);
        // Tails are tested in tests/kernels/cases/activation.cpp.
        a.y = m.output("y", a.dtype, a.n, tolerance_of(a.dtype), 1);
      },
      excerpts_of);
}

Sketch like_backward(const ActivationBackward& args) {
  return sketch_of(
      args, args.dtype, sizes_text({args.n}) + name_of(args.kind) + name_of(args.to_dx),
      [](CaseMemory& m, ActivationBackward& a) {
        a.x = input_x(m, a.dtype, a.n);
        a.dy = m.input("dy", a.dtype, a.n);
        // The derivative of GELU crosses 0, as a difference.
        a.dx = m.output("dx", a.dtype, a.n, tolerance_of(a.dtype), 1);
      },
      excerpts_of);
}

/// Gate and up side by side in rows of 2 cols, as in the model.
Sketch like_swiglu(const SwigluForward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}) + " swiglu",
                   [](CaseMemory& m, SwigluForward& a) {
                     a.row = 2 * a.cols;
                     a.gate = input_x(m, a.dtype, a.rows * a.row);
                     a.up = shifted(a.gate, a.dtype, a.cols);
                     a.y = m.output("y", a.dtype, a.rows * a.cols, tolerance_of(a.dtype), 1);
                   });
}

Sketch like_swiglu_backward(const SwigluBackward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}) + " swiglu" + name_of(args.to_dgate),
                   [](CaseMemory& m, SwigluBackward& a) {
                     a.row = 2 * a.cols;
                     a.gate = input_x(m, a.dtype, a.rows * a.row);
                     a.up = shifted(a.gate, a.dtype, a.cols);
                     a.dy = m.input("dy", a.dtype, a.rows * a.cols);
                     void* const dx = m.output("dx", a.dtype, a.rows * a.row, tolerance_of(a.dtype), 1);
                     if (a.dgate) a.dgate = dx;
                     if (a.dup) a.dup = shifted(dx, a.dtype, a.cols);
                   });
}

}  // namespace

Cases activation_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(5000);  // more than one thread's block
  if (request.bench) sizes = {768 * 512, 256 * 3072};
  Cases cases;
  const auto add_swiglu = [&](int64_t rows, int64_t cols) {
    cases.push_back(like_swiglu({t, rows, cols, {}, {}, {}, {}}).make(request));
    for (const Write write : {Write::set, Write::add})
      cases.push_back(
          like_swiglu_backward({t, rows, cols, {}, {}, {}, {}, wanted, write, wanted, write}).make(request));
  };
  if (request.shape.find('x') != std::string::npos) {
    const auto matrix = parse_sizes(request.shape, 2, "RxC for SwiGLU, or N");
    add_swiglu(matrix[0], matrix[1]);
    return cases;
  }
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N, or RxC for SwiGLU");
  for (const ActivationRow& row : activation_table)
    for (const int64_t n : sizes) {
      cases.push_back(like_forward({row.kind, t, n, {}, {}}).make(request));
      for (const Write write : {Write::set, Write::add})
        cases.push_back(like_backward({row.kind, t, n, {}, {}, {}, write}).make(request));
    }
  if (!request.shape.empty()) return cases;
  for (const int64_t cols : request.bench ? std::vector<int64_t>{2048} : sizes)
    add_swiglu(request.bench ? 256 : 3, cols);
  return cases;
}

Sketch activation_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward, like_swiglu, like_swiglu_backward);
}

}  // namespace hewn
