#include "kernels/contract/contract.h"
#include "kernels/elementwise/cost.h"
#include "kernels/elementwise/kernels.h"

namespace hewn {
namespace {

constexpr Rung<UnaryForward> unary_forward_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time, with the C library's functions in double",
     .run = scalar<UnaryForward>(unary_reference)},
    {.name = "vector",
     .idea = "a vector at a time with our own functions; blocks over threads",
     .run = per_isa<UnaryForward>([]<Isa I>() -> KernelFn<UnaryForward> { return unary_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "sixteen bytes per thread, so that a warp moves whole cache lines",
     .run = per_gpu<UnaryForward>([]<Isa I>() -> KernelFn<UnaryForward> { return unary_gpu<I>; })},
};

constexpr Rung<UnaryBackward> unary_backward_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time, in double",
     .run = scalar<UnaryBackward>(unary_reference)},
    {.name = "vector",
     .idea = "the derivative from the kept value, a vector at a time",
     .run = per_isa<UnaryBackward>([]<Isa I>() -> KernelFn<UnaryBackward> { return unary_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "sixteen bytes per thread, the derivative from the kept value",
     .run = per_gpu<UnaryBackward>([]<Isa I>() -> KernelFn<UnaryBackward> { return unary_gpu<I>; })},
};

constexpr Rung<Binary> binary_rungs[] = {
    {.name = "reference",
     .idea = "nested loops over the dimensions, one element at a time, in double",
     .run = scalar<Binary>(binary_reference)},
    {.name = "vector",
     .idea = "rows of the last dimension a vector at a time; groups of rows over threads",
     .run = per_isa<Binary>([]<Isa I>() -> KernelFn<Binary> { return binary_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "sixteen bytes per thread; broadcast operands by strides, one element per thread",
     .run = per_gpu<Binary>([]<Isa I>() -> KernelFn<Binary> { return binary_gpu<I>; })},
};

constexpr Ladder<UnaryForward> unary_forward_ladder{"unary.forward", unary_forward_rungs, cost_of, needs_of};
constexpr Ladder<UnaryBackward> unary_backward_ladder{"unary.backward", unary_backward_rungs, cost_of};
constexpr Ladder<Binary> binary_ladder{"binary", binary_rungs, cost_of};

}  // namespace

const Ladder<UnaryForward>& ladder_of(const UnaryForward&) { return unary_forward_ladder; }
const Ladder<UnaryBackward>& ladder_of(const UnaryBackward&) { return unary_backward_ladder; }
const Ladder<Binary>& ladder_of(const Binary&) { return binary_ladder; }

}  // namespace hewn
