#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/reduce/cost.h"
#include "kernels/reduce/kernels.h"

namespace hewn {
namespace {

/// One float per block and column.
size_t scratch_bytes(const Reduce& a, int) {
  const int64_t blocks = blocks_of(a.n, a.inner == 1 ? row_block : column_block);
  return static_cast<size_t>(a.outer * blocks * a.inner) * sizeof(float);
}

/// One element per piece and column if there is more than one piece.
size_t gpu_scratch_bytes(const Reduce& a, int) {
  const int64_t pieces = blocks_of(a.n, a.inner == 1 ? gpu_row_piece : gpu_column_piece);
  return pieces > 1 ? static_cast<size_t>(a.outer * pieces * a.inner) * size_of(y_type(a)) : 0;
}

constexpr Rung<Reduce> reduce_rungs[] = {
    {.name = "reference", .idea = "one sequential sum, in double", .run = scalar<Reduce>(reduce_reference)},
    {.name = "vector",
     .idea =
         "fixed blocks over threads, lanes along rows or across columns; results of blocks added in order",
     .run = per_isa<Reduce>([]<Isa I>() -> KernelFn<Reduce> { return reduce_simd<I>; }),
     .why_not = f32_only,
     .scratch_bytes = scratch_bytes},
    {.name = "cuda",
     .idea = "fixed pieces of rows or columns over blocks of threads; results of pieces added in order",
     .run = per_gpu<Reduce>([]<Isa I>() -> KernelFn<Reduce> { return reduce_gpu<I>; }),
     .scratch_bytes = gpu_scratch_bytes},
};

constexpr Rung<MaxBackward> max_backward_rungs[] = {
    {.name = "reference",
     .idea = "searches for the first element that equals the maximum",
     .run = scalar<MaxBackward>(max_backward_reference)},
    {.name = "parallel",
     .idea = "the same, rows over threads",
     .run = scalar<MaxBackward>(max_backward_parallel)},
    {.name = "cuda",
     .idea = "one result per thread",
     .run = per_gpu<MaxBackward>([]<Isa I>() -> KernelFn<MaxBackward> { return max_backward_gpu<I>; })},
};

constexpr Rung<Expand> expand_rungs[] = {
    {.name = "reference", .idea = "one element at a time", .run = scalar<Expand>(expand_reference)},
    {.name = "vector",
     .idea = "a vector at a time, rows over threads",
     .run = per_isa<Expand>([]<Isa I>() -> KernelFn<Expand> { return expand_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "one element per thread",
     .run = per_gpu<Expand>([]<Isa I>() -> KernelFn<Expand> { return expand_gpu<I>; })},
};

constexpr Ladder<Reduce> reduce_ladder{"reduce", reduce_rungs, cost_of};
constexpr Ladder<MaxBackward> max_backward_ladder{"max.backward", max_backward_rungs, cost_of};
constexpr Ladder<Expand> expand_ladder{"expand", expand_rungs, cost_of};

}  // namespace

const Ladder<Reduce>& ladder_of(const Reduce&) { return reduce_ladder; }
const Ladder<MaxBackward>& ladder_of(const MaxBackward&) { return max_backward_ladder; }
const Ladder<Expand>& ladder_of(const Expand&) { return expand_ladder; }

}  // namespace hewn
