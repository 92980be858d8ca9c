#include <cmath>

#include "kernels/contract/case.h"
#include "kernels/reduce/abi.h"

namespace hewn {
namespace {

double tolerance_of(DType t) { return t == DType::f64 ? 1e-13 : 1e-6; }

std::string shape_of(int64_t outer, int64_t n, int64_t inner, Write write) {
  return sizes_text({outer, n, inner}) + name_of(write);
}

Sketch like_reduce(const Reduce& args) {
  return sketch_of(
      args, args.dtype,
      shape_of(args.outer, args.n, args.inner, args.to_y) + (args.op == ReduceOp::sum ? " sum" : " max"),
      [](CaseMemory& m, Reduce& a) {
        a.x = m.input("x", a.dtype, a.outer * a.n * a.inner, Fill::harsh);
        a.y = m.output("y", y_type(a), a.outer * a.inner, tolerance_of(a.dtype),
                       std::sqrt(static_cast<double>(a.n)));
      });
}

Sketch like_expand(const Expand& args) {
  return sketch_of(args, args.dtype, shape_of(args.outer, args.n, args.inner, args.to_y),
                   [](CaseMemory& m, Expand& a) {
                     a.x = m.input("x", a.dtype, a.outer * a.inner);
                     a.y = m.output("y", a.dtype, a.outer * a.n * a.inner, tolerance_of(a.dtype), 1);
                   });
}

/// All elements are equal: the gradient goes to the first.
Sketch like_max_backward(const MaxBackward& args) {
  return sketch_of(args, args.dtype, shape_of(args.outer, args.n, args.inner, args.to_dx),
                   [](CaseMemory& m, MaxBackward& a) {
                     const int64_t some = a.outer * a.inner, all = some * a.n;
                     a.x = m.input("x", a.dtype, all, Fill::zero);
                     a.y = m.input("y", a.dtype, some, Fill::zero);
                     a.dy = m.input("dy", a.dtype, some);
                     a.dx = m.output("dx", a.dtype, all, tolerance_of(a.dtype), 1);
                   });
}

}  // namespace

Cases reduce_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  Cases cases;
  const auto add = [&](int64_t outer, int64_t n, int64_t inner) {
    for (const Write write : {Write::set, Write::add}) {
      for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max})
        cases.push_back(like_reduce({op, t, outer, n, inner, 0.75, {}, {}, write}).make(request));
      if (t == DType::bf16) continue;  // only sums and maxima, which are float32
      cases.push_back(like_expand({t, outer, n, inner, 0.75, {}, {}, write}).make(request));
      cases.push_back(like_max_backward({t, outer, n, inner, {}, {}, {}, {}, write}).make(request));
    }
  };
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 3, "OUTERxNxINNER");
    add(s[0], s[1], s[2]);
  } else if (request.bench) {
    add(1, 256 * 3072, 1);
    add(3072, 768, 1);
    add(1, 256, 3072);
    add(1, 768, 128);
  } else {
    for (const int64_t n : sizes_around(request.width)) {
      add(3, n, 1);
      add(1, 5, n);
      add(2, 300, n);  // more than one block of rows
    }
    add(2, 20001, 1);  // more than one block per row
  }
  return cases;
}

Sketch reduce_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_reduce, like_expand, like_max_backward);
}

}  // namespace hewn
