#include "kernels/contract/contract.h"
#include "kernels/elementwise/abi.h"
#include "kernels/elementwise/cost.h"

namespace hewn {
namespace {

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
