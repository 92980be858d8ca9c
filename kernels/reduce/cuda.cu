#include "kernels/reduce/abi.h"

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

constexpr int threads = 256, lanes = 32, warps = threads / lanes;

/// The sum or the maximum of two values; NaN propagates.
template <ReduceOp op, class T>
__device__ __forceinline__ T combine(T a, T b) {
  if constexpr (op == ReduceOp::sum) return a + b;
  return !(a >= b) && a == a ? b : a;
}

template <ReduceOp op, class T>
__device__ __forceinline__ T nothing() {
  return op == ReduceOp::sum ? T{0} : -static_cast<T>(INFINITY);
}

template <class T>
struct OfWarps {
  T at[warps];
};

template <ReduceOp op, class T>
__device__ __forceinline__ T combine_warp(T x) {
  for (int distance = lanes / 2; distance > 0; distance /= 2)
    x = combine<op>(x, __shfl_xor_sync(0xffffffffu, x, distance));
  return x;
}

/// Where to write a result: to y, or to the partial results.
template <class T>
struct Target {
  T* partial;  ///< null: there is one piece, whose result is final
  T* y;
  T scale;
  Write how;
  __device__ void put(int64_t i, T x) const {
    if (partial)
      partial[i] = x;
    else
      write(y + i, scale * x, how);
  }
};

/// One block reduces a piece of a row.
template <ReduceOp op, class X, class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    reduce_row(int64_t n, int64_t pieces, const X* x, Target<T> to) {
  const int64_t row = blockIdx.x / pieces, first = blockIdx.x % pieces * gpu_row_piece;
  const int64_t end = first + gpu_row_piece < n ? first + gpu_row_piece : n;
  T result = nothing<op, T>();
  for (int64_t i = first + threadIdx.x; i < end; i += threads)
    result = combine<op>(result, load_as<T>(x + row * n + i));
  result = combine_warp<op>(result);
  OfWarps<T>& of_warps = shared_memory<OfWarps<T>>();
  if (threadIdx.x % lanes == 0) of_warps.at[threadIdx.x / lanes] = result;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < warps; ++w) result = combine<op>(result, of_warps.at[w]);
  to.put(blockIdx.x, result);
}

/// One warp reduces a short row.
template <ReduceOp op, class X, class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    reduce_short_row(int64_t rows, int64_t n, const X* x, Target<T> to) {
  const int64_t row = int64_t{blockIdx.x} * warps + threadIdx.x / lanes;
  if (row >= rows) return;
  T result = nothing<op, T>();
  for (int64_t i = threadIdx.x % lanes; i < n; i += lanes)
    result = combine<op>(result, load_as<T>(x + row * n + i));
  result = combine_warp<op>(result);
  if (threadIdx.x % lanes == 0) to.put(row, result);
}

template <class T>
struct OfColumns {
  T at[warps][lanes];
};

/// One block reduces 32 columns: a warp reads 32 adjacent elements of a row, and every
/// eighth row of the piece.
template <ReduceOp op, class X, class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    reduce_columns(int64_t n, int64_t inner, int64_t pieces, const X* x, Target<T> to) {
  const int64_t strips = ceil_div(inner, int64_t{lanes});
  const int64_t piece = blockIdx.x / strips;  // among the pieces of all rows: o pieces + k
  const int64_t o = piece / pieces, first = piece % pieces * gpu_column_piece;
  const int lane = static_cast<int>(threadIdx.x) % lanes, warp = static_cast<int>(threadIdx.x) / lanes;
  const int64_t c = blockIdx.x % strips * lanes + lane;
  const int64_t end = first + gpu_column_piece < n ? first + gpu_column_piece : n;
  T result = nothing<op, T>();
  if (c < inner)
    for (int64_t i = first + warp; i < end; i += warps)
      result = combine<op>(result, load_as<T>(x + (o * n + i) * inner + c));
  OfColumns<T>& of_columns = shared_memory<OfColumns<T>>();
  of_columns.at[warp][lane] = result;
  __syncthreads();
  if (warp != 0 || c >= inner) return;
  for (int w = 1; w < warps; ++w) result = combine<op>(result, of_columns.at[w][lane]);
  to.put(piece * inner + c, result);
}

/// Combines the results of pieces [outer, pieces, inner], in order.
template <ReduceOp op, class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    reduce_pieces(int64_t outer, int64_t pieces, int64_t inner, const T* partial, Target<T> to) {
  const int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (at >= outer * inner) return;
  const T* const first = partial + at / inner * pieces * inner + at % inner;
  T result = first[0];
  for (int64_t k = 1; k < pieces; ++k) result = combine<op>(result, first[k * inner]);
  to.put(at, result);
}

template <ReduceOp op, class X, class T>
void reduce(const Launch& on, const Reduce& a) {
  const bool rows = a.inner == 1;
  const int64_t pieces = a.n > 0 ? ceil_div(a.n, rows ? gpu_row_piece : gpu_column_piece) : 1;
  const X* const x = static_cast<const X*>(a.x);
  auto* const partial = static_cast<T*>(on.scratch);
  const Target<T> whole{nullptr, static_cast<T*>(a.y), static_cast<T>(a.scale), a.to_y};
  const Target<T> to = pieces == 1 ? whole : Target<T>{partial, nullptr, 1, Write::set};
  if (rows && a.n <= 1024)
    launch(on, "reduce_short_row", {blocks_for(a.outer, warps), threads}, reduce_short_row<op, X, T>, a.outer,
           a.n, x, to);
  else if (rows)
    launch(on, "reduce_row", {blocks_for(a.outer * pieces, 1), threads}, reduce_row<op, X, T>, a.n, pieces, x,
           to);
  else
    launch(on, "reduce_columns",
           {blocks_for(a.outer * pieces * ceil_div(a.inner, int64_t{lanes}), 1), threads},
           reduce_columns<op, X, T>, a.n, a.inner, pieces, x, to);
  if (pieces > 1)
    launch(on, "reduce_pieces", {blocks_for(a.outer * a.inner, threads), threads}, reduce_pieces<op, T>,
           a.outer, pieces, a.inner, static_cast<const T*>(partial), whole);
}

/// One thread per result, which searches for the first element equal to it.
template <class T>
__global__ void __launch_bounds__(threads, 4) max_backward(MaxBackward a) {
  const int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (at >= a.outer * a.inner) return;
  const int64_t start = at / a.inner * a.n * a.inner + at % a.inner;
  const T most = static_cast<const T*>(a.y)[at], dy = static_cast<const T*>(a.dy)[at];
  bool found = false;
  for (int64_t i = 0; i < a.n; ++i) {
    const int64_t here = start + i * a.inner;
    const bool first = !found && static_cast<const T*>(a.x)[here] == most;
    found = found || first;
    write(static_cast<T*>(a.dx) + here, first ? dy : T{0}, a.to_dx);
  }
}

/// One element per thread.
template <class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40)) expand(Expand a) {
  const int64_t all = a.outer * a.n * a.inner;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < all; i += int64_t{gridDim.x} * threads) {
    const int64_t o = i / (a.n * a.inner), c = i % a.inner;
    write(static_cast<T*>(a.y) + i, static_cast<T>(a.scale) * static_cast<const T*>(a.x)[o * a.inner + c],
          a.to_y);
  }
}

template <class X, class T>
void reduce(const Launch& on, const Reduce& a) {
  a.op == ReduceOp::sum ? reduce<ReduceOp::sum, X, T>(on, a) : reduce<ReduceOp::max, X, T>(on, a);
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const Reduce& a) {
  switch (a.dtype) {
    case DType::f64: return reduce<double, double>(on, a);
    case DType::bf16: return reduce<bf16, float>(on, a);
    default: return reduce<float, float>(on, a);
  }
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const MaxBackward& a) {
  const Grid grid{blocks_for(a.outer * a.inner, threads), threads};
  launch(on, "max_backward", grid, a.dtype == DType::f64 ? max_backward<double> : max_backward<float>, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const Expand& a) {
  const Grid grid{blocks_for(a.outer * a.n * a.inner, threads), threads};
  launch(on, "expand", grid, a.dtype == DType::f64 ? expand<double> : expand<float>, a);
}

}  // namespace hewn
