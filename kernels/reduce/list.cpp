#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/reduce/abi.h"

namespace hewn {
namespace {

/// One operation per element read.
Cost cost_of(const Reduce& a) {
  const double columns = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double n = columns * static_cast<double>(a.n);
  return {n, n * static_cast<double>(size_of(a.dtype)) +
                 (a.to_y == Write::add ? 2 : 1) * columns * static_cast<double>(size_of(y_type(a)))};
}

Cost cost_of(const MaxBackward& a) {
  const double columns = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double n = columns * static_cast<double>(a.n);
  return {n, ((a.to_dx == Write::add ? 3 : 2) * n + 2 * columns) * static_cast<double>(size_of(a.dtype))};
}

Cost cost_of(const Expand& a) {
  const double columns = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double n = columns * static_cast<double>(a.n);
  return {n, ((a.to_y == Write::add ? 2 : 1) * n + columns) * static_cast<double>(size_of(a.dtype))};
}

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
    {scalar<"reference">, "one sequential sum, in double"},
    {per_isa<"vector">,
     "fixed blocks over threads, lanes along rows or across columns; results of blocks added in order",
     f32_only, scratch_bytes},
    {per_gpu<"cuda">,
     "fixed pieces of rows or columns over blocks of threads; results of pieces added in order",
     gpu_scratch_bytes},
};

constexpr Rung<MaxBackward> max_backward_rungs[] = {
    {scalar<"reference">, "searches for the first element that equals the maximum"},
    {scalar<"parallel">, "the same, rows over threads"},
    {per_gpu<"cuda">, "one result per thread"},
};

constexpr Rung<Expand> expand_rungs[] = {
    {scalar<"reference">, "one element at a time"},
    {per_isa<"vector">, "a vector at a time, rows over threads", f32_only},
    {per_gpu<"cuda">, "one element per thread"},
};

constexpr Ladder<Reduce> reduce_ladder{"reduce", reduce_rungs, cost_of};
constexpr Ladder<MaxBackward> max_backward_ladder{"max.backward", max_backward_rungs, cost_of};
constexpr Ladder<Expand> expand_ladder{"expand", expand_rungs, cost_of};

}  // namespace

const Ladder<Reduce>& ladder_of(const Reduce&) { return reduce_ladder; }
const Ladder<MaxBackward>& ladder_of(const MaxBackward&) { return max_backward_ladder; }
const Ladder<Expand>& ladder_of(const Expand&) { return expand_ladder; }

}  // namespace hewn
