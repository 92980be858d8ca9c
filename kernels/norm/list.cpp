#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/norm/abi.h"

namespace hewn {
namespace {

/// So many operations per element. Forward: one read, one write. Backward: reads x and dy, writes dx.
template <class A, int flops>
Cost cost_of(const A& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  size_t of_x = 1;
  if constexpr (requires { a.dx; })
    if (a.dx) of_x = a.to_dx == Write::add ? 3 : 2;
  return {flops * n, n * static_cast<double>(of_x * size_of(a.dtype) + size_of(a.y_dtype))};
}

// If x is bf16, y is as well.

template <class A>
const char* no_bf16(const A& a) {
  return a.y_dtype == DType::bf16 ? "f32 and f64 only" : nullptr;
}

template <class A>
const char* all_f32_only(const A& a) {
  return a.y_dtype == DType::f32 ? nullptr : "f32 only";
}

/// For rungs that keep a row in registers.
template <class A>
const char* held_only(const A& a) {
  if (a.dtype == DType::f64) return "f32 and bf16 only";
  return a.cols <= longest_held_row ? nullptr : "rows of at most 8192 only";
}

size_t by_rows_scratch(const LayernormBackward& a, int) {
  return 2 * static_cast<size_t>(a.cols) * sizeof(double);
}

template <bool centred>
size_t simd_scratch(const NormBackward<centred>& a, int) {
  return static_cast<size_t>(a.parameters * row_blocks(a.rows) * a.cols) * sizeof(float);
}

template <bool centred>
size_t gpu_scratch(const NormBackward<centred>& a, int) {
  return column_sum_bytes(a.rows, a.cols, a.parameters);
}

constexpr Rung<LayernormForward> layernorm_rungs[] = {
    {scalar<"reference">, "mean, then variance, then y: three passes over each row, in double"},
    {scalar<"welford">, "mean and variance in one pass, at the price of a division per element",
     all_f32_only},
    {scalar<"shifted">,
     "one pass without divisions: sums of differences from the first element, and of their squares",
     all_f32_only},
    {scalar<"openmp">, "pragmas only: rows over threads, a partial sum in each lane of a vector, in double",
     all_f32_only},
    {per_isa<"simd">,
     "vectors of floats; the row stays in cache, so a second pass that corrects the mean is cheap",
     all_f32_only},
    {per_gpu<"cuda.threads">, "one thread per row, in double: the loads of a warp are a whole row apart",
     no_bf16},
    {per_gpu<"cuda.blocks">,
     "one block per row: whole cache lines, but three passes, and barriers at each sum"},
    {per_gpu<"cuda">, "one warp per row, sixteen bytes per load, in registers: one read, no barrier",
     held_only},
};

constexpr Rung<RmsnormForward> rmsnorm_rungs[] = {
    {scalar<"reference">, "mean square, then y: two passes over each row, in double"},
    {per_isa<"simd">, "vectors along each row, rows over threads", all_f32_only},
    {per_gpu<"cuda.blocks">, "one block per row, which reads it twice"},
    {per_gpu<"cuda">, "one warp per row, sixteen bytes per load, in registers: one read, no barrier",
     held_only},
};

constexpr Rung<LayernormBackward> layernorm_backward_rungs[] = {
    {scalar<"reference">, "dx row by row, then dweight and dbias column by column, in double"},
    {scalar<"by_rows">, "all three in one pass over the rows, in memory order", all_f32_only,
     by_rows_scratch},
    {per_isa<"simd">,
     "vectors along each row; blocks of rows over threads, each with its own dweight and dbias", all_f32_only,
     simd_scratch},
    {per_gpu<"cuda.blocks">, "dx with one block per row, then dweight and dbias with one thread per column",
     no_bf16},
    {per_gpu<"cuda">, "all three from one read: rows in registers, and sums over columns as well", held_only,
     gpu_scratch},
};

constexpr Rung<RmsnormBackward> rmsnorm_backward_rungs[] = {
    {scalar<"reference">, "dx row by row, then dweight column by column, in double"},
    {per_isa<"simd">, "vectors along each row; blocks of rows over threads, each with its own dweight",
     all_f32_only, simd_scratch},
    {per_gpu<"cuda.blocks">, "dx with one block per row, then dweight with one thread per column"},
    {per_gpu<"cuda">, "both from one read: rows in registers, and sums over columns as well", held_only,
     gpu_scratch},
};

// Add for the mean; subtract, multiply and add for the variance; multiply and add twice for y.
constexpr Ladder<LayernormForward> layernorm_ladder{"layernorm.forward", layernorm_rungs,
                                                    cost_of<LayernormForward, 8>};
// Multiply and add for the mean square; two multiplications for y.
constexpr Ladder<RmsnormForward> rmsnorm_ladder{"rmsnorm.forward", rmsnorm_rungs, cost_of<RmsnormForward, 4>};
// n (2), g, two sums (3), dx (5), dweight (2), dbias (1).
constexpr Ladder<LayernormBackward> layernorm_backward_ladder{"layernorm.backward", layernorm_backward_rungs,
                                                              cost_of<LayernormBackward, 14>};
// n, g, a sum (2), dx (3), dweight (2).
constexpr Ladder<RmsnormBackward> rmsnorm_backward_ladder{"rmsnorm.backward", rmsnorm_backward_rungs,
                                                          cost_of<RmsnormBackward, 9>};

}  // namespace

const Ladder<LayernormForward>& ladder_of(const LayernormForward&) { return layernorm_ladder; }
const Ladder<LayernormBackward>& ladder_of(const LayernormBackward&) { return layernorm_backward_ladder; }
const Ladder<RmsnormForward>& ladder_of(const RmsnormForward&) { return rmsnorm_ladder; }
const Ladder<RmsnormBackward>& ladder_of(const RmsnormBackward&) { return rmsnorm_backward_ladder; }

}  // namespace hewn
