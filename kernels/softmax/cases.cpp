#include "kernels/contract/case.h"
#include "kernels/softmax/abi.h"

namespace hewn {
namespace {

double tolerance_of(DType t) { return t == DType::f64 ? 1e-13 : 1e-6; }

template <class A>
std::string shape_of(const A& a) {
  return sizes_text({a.rows, a.cols}) + (a.queries > 0 ? " causal" : "");
}

Sketch like_forward(const SoftmaxForward& args) {
  return sketch_of(args, args.dtype, shape_of(args), [](CaseMemory& m, SoftmaxForward& a) {
    a.x = m.input("x", a.dtype, a.rows * a.cols, Fill::harsh);
    a.y = m.output("y", a.dtype, a.rows * a.cols, tolerance_of(a.dtype));
  });
}

Sketch like_backward(const SoftmaxBackward& args) {
  return sketch_of(args, args.dtype, shape_of(args) + name_of(args.to_dx),
                   [](CaseMemory& m, SoftmaxBackward& a) {
                     // Rows of y add up to about 1. With larger values, y . dy would be a sum of large terms that
                     // cancel, and its rounding error as large as the result.
                     const double mean = 1 / static_cast<double>(a.cols);
                     a.y = m.input("y", a.dtype, a.rows * a.cols,
                                   [mean](Rng& rng, int64_t) { return 2 * mean * rng.uniform_double(); });
                     a.dy = m.input("dy", a.dtype, a.rows * a.cols);
                     a.dx = m.output("dx", a.dtype, a.rows * a.cols, 5 * tolerance_of(a.dtype), mean);
                   });
}

}  // namespace

Cases softmax_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  Cases cases;
  // With queries > 0: causal, and `rows` is a multiple of it.
  const auto add = [&](int64_t rows, int64_t cols, int64_t queries = 0) {
    cases.push_back(like_forward({t, rows, cols, {}, {}, queries}).make(request));
    for (const Write write : {Write::set, Write::add})
      cases.push_back(like_backward({t, rows, cols, {}, {}, {}, write, queries}).make(request));
  };
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    add(s[0], s[1]);
  } else if (request.bench) {
    add(3072, 64);
    add(3072, 256);
    add(256, 50257);
    add(12 * 256, 256, 256);
  } else {
    cases.push_back(like_forward({t, 1, 50257, {}, {}}).make(request));  // a sum of many terms
    for (const int64_t cols : sizes_around(request.width)) {
      add(3, cols);
      add(37, cols);
      add(2 * cols, cols, cols);
      if (cols > 2) add(6, cols, 3);
    }
  }
  return cases;
}

Sketch softmax_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn
