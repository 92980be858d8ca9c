#include "kernels/contract/contract.h"
#include "kernels/elementwise/abi.h"

namespace hewn {
namespace {

/// exp, log, tanh and sigmoid count as 10 operations, the others as one.
Cost cost_of(const UnaryForward& a) {
  const auto n = static_cast<double>(a.n);
  const bool simple = a.op == UnaryOp::scale || a.op == UnaryOp::add_scalar || a.op == UnaryOp::sqrt;
  return {(simple ? 1 : 10) * n, (a.to_y == Write::add ? 3 : 2) * n * static_cast<double>(size_of(a.dtype))};
}

Cost cost_of(const UnaryBackward& a) {
  const auto n = static_cast<double>(a.n);
  return {3 * n, (a.to_dx == Write::add ? 4 : 3) * n * static_cast<double>(size_of(a.dtype))};
}

/// Every element of y, a and b once.
Cost cost_of(const Binary& a) {
  double n = 1, n_a = 1, n_b = 1;
  for (int i = 0; i < a.rank; ++i) {
    const auto size = static_cast<double>(a.shape[i]);
    n *= size;
    if (a.a_stride[i] != 0) n_a *= size;
    if (a.b_stride[i] != 0) n_b *= size;
  }
  return {n, ((a.to_y == Write::add ? 2 : 1) * n + n_a) * static_cast<double>(size_of(a.dtype)) +
                 n_b * static_cast<double>(size_of(a.b_dtype))};
}

Needs needs_of(const UnaryForward& a) {
  const auto n = static_cast<double>(a.n);
  const bool exponential = a.op == UnaryOp::exp || a.op == UnaryOp::sigmoid;
  return {.exps = exponential ? n : 0, .tanhs = a.op == UnaryOp::tanh ? n : 0};
}

constexpr Rung<UnaryForward> unary_forward_rungs[] = {
    {scalar<"reference">, "one element at a time, with the C library's functions in double"},
    {per_isa<"vector">, "a vector at a time with our own functions; blocks over threads", f32_only},
    {per_gpu<"cuda">, "sixteen bytes per thread, so that a warp moves whole cache lines"},
};

constexpr Rung<UnaryBackward> unary_backward_rungs[] = {
    {scalar<"reference">, "one element at a time, in double"},
    {per_isa<"vector">, "the derivative from the kept value, a vector at a time", f32_only},
    {per_gpu<"cuda">, "sixteen bytes per thread, the derivative from the kept value"},
};

constexpr Rung<Binary> binary_rungs[] = {
    {scalar<"reference">, "nested loops over the dimensions, one element at a time, in double"},
    {per_isa<"vector">, "rows of the last dimension a vector at a time; groups of rows over threads",
     f32_only},
    {per_gpu<"cuda">, "sixteen bytes per thread; broadcast operands by strides, one element per thread"},
};

constexpr Ladder<UnaryForward> unary_forward_ladder{"unary.forward", unary_forward_rungs, cost_of, needs_of};
constexpr Ladder<UnaryBackward> unary_backward_ladder{"unary.backward", unary_backward_rungs, cost_of};
constexpr Ladder<Binary> binary_ladder{"binary", binary_rungs, cost_of};

}  // namespace

const Ladder<UnaryForward>& ladder_of(const UnaryForward&) { return unary_forward_ladder; }
const Ladder<UnaryBackward>& ladder_of(const UnaryBackward&) { return unary_backward_ladder; }
const Ladder<Binary>& ladder_of(const Binary&) { return binary_ladder; }

}  // namespace hewn
