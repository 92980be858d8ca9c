#include "kernels/contract/case.h"
#include "kernels/softmax/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<SoftmaxForward> = std::tuple{&SoftmaxForward::x, &SoftmaxForward::y};
template <>
inline constexpr auto pointers_in<SoftmaxBackward> =
    std::tuple{&SoftmaxBackward::y, &SoftmaxBackward::dy, &SoftmaxBackward::dx};

namespace {

double tolerance_of(DType t) { return t == DType::f64 ? 1e-13 : 1e-6; }

std::string shape_of(int64_t rows, int64_t cols, int64_t queries) {
  return sizes_text({rows, cols}) + (queries > 0 ? " causal" : "");
}

void add_forward(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols, int64_t queries = 0) {
  const DType t = request.dtype;
  CaseMemory f(request.seed);
  const auto* x = f.input("x", t, rows * cols, request.bench ? Fill::normal : Fill::harsh);
  auto* y = f.output("y", t, rows * cols, tolerance_of(t));
  cases.push_back(std::make_unique<CaseOf<SoftmaxForward>>(std::move(f), shape_of(rows, cols, queries), t,
                                                           SoftmaxForward{t, rows, cols, x, y, queries}));
}

/// An input "y" whose rows add up to about 1. With larger values, y . dy would be a sum of large terms that
/// cancel, and its rounding error as large as the result.
const void* input_probabilities(CaseMemory& memory, DType dtype, int64_t rows, int64_t cols) {
  const double mean = 1 / static_cast<double>(cols);
  return memory.input("y", dtype, rows * cols,
                      [mean](Rng& rng, int64_t) { return 2 * mean * rng.uniform_double(); });
}

/// With queries > 0: causal, and `rows` is a multiple of it.
void add_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols, int64_t queries = 0) {
  const DType t = request.dtype;
  add_forward(cases, request, rows, cols, queries);
  for (const Write write : {Write::set, Write::add}) {
    CaseMemory b(request.seed);
    const auto* probabilities = input_probabilities(b, t, rows, cols);
    const auto* dy = b.input("dy", t, rows * cols);
    auto* dx = b.output("dx", t, rows * cols, 5 * tolerance_of(t), 1 / static_cast<double>(cols));
    cases.push_back(std::make_unique<CaseOf<SoftmaxBackward>>(
        std::move(b), shape_of(rows, cols, queries) + (write == Write::add ? " add" : ""), t,
        SoftmaxBackward{t, rows, cols, probabilities, dy, dx, write, queries}));
  }
}

Sketch like_forward(const SoftmaxForward& args) {
  return sketch_of(args, args.dtype, shape_of(args.rows, args.cols, args.queries),
                   [](CaseMemory& m, SoftmaxForward& a) {
                     a.x = m.input("x", a.dtype, a.rows * a.cols);
                     a.y = m.output("y", a.dtype, a.rows * a.cols, 1e-6);
                   });
}

Sketch like_backward(const SoftmaxBackward& args) {
  return sketch_of(args, args.dtype, shape_of(args.rows, args.cols, args.queries) + name_of(args.to_dx),
                   [](CaseMemory& m, SoftmaxBackward& a) {
                     a.y = input_probabilities(m, a.dtype, a.rows, a.cols);
                     a.dy = m.input("dy", a.dtype, a.rows * a.cols);
                     a.dx = m.output("dx", a.dtype, a.rows * a.cols, 5e-6, 1 / static_cast<double>(a.cols));
                   });
}

}  // namespace

Cases softmax_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32 && request.dtype != DType::f64) return {};
  Cases cases;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    add_cases(cases, request, s[0], s[1]);
  } else if (request.bench) {
    add_cases(cases, request, 3072, 64);
    add_cases(cases, request, 3072, 256);
    add_cases(cases, request, 256, 50257);
    add_cases(cases, request, 12 * 256, 256, 256);
  } else {
    add_forward(cases, request, 1, 50257);  // a sum of many terms
    for (const int64_t cols : sizes_around(request.width)) {
      add_cases(cases, request, 3, cols);
      add_cases(cases, request, 37, cols);
      add_cases(cases, request, 2 * cols, cols, cols);
      if (cols > 2) add_cases(cases, request, 6, cols, 3);
    }
  }
  return cases;
}

Sketch softmax_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
