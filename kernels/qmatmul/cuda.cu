#include "kernels/qmatmul/abi.h"

#include <algorithm>

#include "kernels/qmatmul/units.cuh"

namespace hewn {
namespace {

constexpr int warp = 32, warps = 8, threads = warps * warp;

/// Where a thread is.
struct Place {
  int lane, warp_of_block;
  __device__ Place()
      : lane(static_cast<int>(threadIdx.x) % warp), warp_of_block(static_cast<int>(threadIdx.x) / warp) {}
};

__device__ __forceinline__ int64_t padded_row(int64_t cols) {
  return ceil_div(cols, quantised_chunk) * quantised_chunk;
}

/// The bits of an absolute value: as integers they have the same order, and NaN is larger than infinity.
__device__ __forceinline__ int extent_bits(float x) { return __float_as_int(x) & 0x7fffffff; }

struct Extents {
  int of_warp[warps];
};

/// The extent of a row, in all threads of the block.
__device__ __forceinline__ int row_extent(const float* x, int64_t n) {
  Extents& extents = shared_memory<Extents>();
  const Place at;
  int bits = 0;
  for (int64_t i = threadIdx.x; i < n; i += threads) bits = max(bits, extent_bits(x[i]));
  bits = warp_max(bits);
  __syncthreads();  // the extents of the row before have been read
  if (at.lane == 0) extents.of_warp[at.warp_of_block] = bits;
  __syncthreads();
  for (const int other : extents.of_warp) bits = max(bits, other);
  return bits;
}

/// A block of threads for each row, a warp for each 32 elements.
__global__ void __launch_bounds__(threads, blocks_with(threads, 40)) quantize(QuantizeRows a) {
  const Place at;
  const int64_t padded = padded_row(a.cols);
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.x + row * a.cols;
    const int of_row = a.one_scale ? row_extent(x, a.cols) : 0;
    for (int64_t k = int64_t{at.warp_of_block} * warp; k < padded; k += threads) {
      const float element = k < a.cols ? x[k + at.lane] : 0;
      const int of_block = warp_max(extent_bits(element));
      const int bits = a.one_scale && k < a.cols ? of_row : of_block;
      const float most = __int_as_float(bits);
      const bool finite = bits < 0x7f800000, zeros = !finite || most < 0x1p-120f;
      const int q = zeros ? 0 : static_cast<int>(rintf(__fmul_rn(element, 127 / most)));
      const int sum = warp_sum(q);
      const int64_t to = row * padded + k;
      a.q[to + at.lane] = static_cast<int8_t>(q);
      if (at.lane != 0) continue;
      a.scale[to / quantised_block] = !finite ? __int_as_float(0x7fc00000) : zeros ? 0 : most / 127;
      a.sum[to / quantised_block] = sum;
    }
  }
}

/// The sum of the products of the eight elements of a unit and of x, as if the unit's bytes were signed.
__device__ __forceinline__ int dot(const unsigned (&w)[2], const unsigned (&x)[2]) {
  return __dp4a(static_cast<int>(w[0]), static_cast<int>(x[0]),
                __dp4a(static_cast<int>(w[1]), static_cast<int>(x[1]), 0));
}

/// A warp for each row of W, a unit per lane at a time, for R rows of x. All roundings are named, so that a row has the
/// same bits beside any others.
template <class F, bool aligned, int R>
__global__ void __launch_bounds__(threads, blocks_with(threads, 64)) multiply(QMatmul a) {
  constexpr int of_w = aligned ? F::alignment : 1, of_x = aligned ? 4 : 1;
  const Place at;
  const int64_t n = int64_t{blockIdx.x} * warps + at.warp_of_block;
  if (n >= a.N) return;
  constexpr int units = F::elements / unit_elements;
  const auto* const w = static_cast<const uint8_t*>(a.w) + n * (a.K / F::elements) * F::bytes;
  const int64_t padded = padded_row(a.K);
  for (int64_t m = int64_t{blockIdx.y} * R; m < a.M; m += int64_t{gridDim.y} * R) {
    float sums[R] = {};
    for (int64_t u = at.lane; u < a.K / unit_elements; u += warp) {
      const Unit unit = F::template unit<of_w>(w + u / units * F::bytes, static_cast<int>(u % units));
#pragma unroll
      for (int r = 0; r < R; ++r) {
        if (m + r >= a.M) continue;
        const int64_t k = (m + r) * padded + u * unit_elements;
        const auto* const bytes = reinterpret_cast<const uint8_t*>(a.x + k);
        const unsigned x[2] = {word_at<of_x>(bytes), word_at<of_x>(bytes + 4)};
        const float x_scale = a.x_scale[k / quantised_block];
        int sum = dot(unit.words, x);
        if constexpr (F::zero != 0 || F::has_offsets) {
          const int of_inputs = dot({one_bit, one_bit}, x);
          sum -= F::zero * of_inputs;
          if constexpr (F::has_offsets)
            sums[r] = __fmaf_rn(__fmul_rn(unit.offset, x_scale), static_cast<float>(of_inputs), sums[r]);
        }
        sums[r] = __fmaf_rn(__fmul_rn(unit.scale, x_scale), static_cast<float>(sum), sums[r]);
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const float sum = warp_sum(sums[r]);
      if (at.lane == 0 && m + r < a.M) a.y[(m + r) * a.N + n] = a.bias ? __fadd_rn(sum, a.bias[n]) : sum;
    }
  }
}

/// A block of threads for each row, a unit per thread.
template <class F, bool aligned>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40)) widen(WidenRows a) {
  constexpr int of_w = aligned ? F::alignment : 1;
  constexpr int units = F::elements / unit_elements;
  for (int64_t i = blockIdx.x; i < a.n; i += gridDim.x) {
    const auto* const w = static_cast<const uint8_t*>(a.w) + a.ids[i] * (a.cols / F::elements) * F::bytes;
    for (int64_t u = threadIdx.x; u < a.cols / unit_elements; u += threads) {
      const Unit unit = F::template unit<of_w>(w + u / units * F::bytes, static_cast<int>(u % units));
      for (int e = 0; e < unit_elements; ++e) {
        const int q = static_cast<int8_t>(unit.words[e / 4] >> e % 4 * 8 & 255) - F::zero;
        const float product = __fmul_rn(unit.scale, static_cast<float>(q));
        a.y[i * a.cols + u * unit_elements + e] = F::has_offsets ? __fadd_rn(product, unit.offset) : product;
      }
    }
  }
}

bool is_multiple(const void* p, size_t of) { return reinterpret_cast<uintptr_t>(p) % of == 0; }

/// Calls use(F{}) with the format.
template <class Use>
void with_format(BlockType format, Use use) {
  switch (format) {
    case BlockType::q8_0: return use(Q8Units{});
    case BlockType::q4_0: return use(Q4Units{});
    case BlockType::q5_0: return use(Q5Units{});
    case BlockType::q4_k: return use(Q4KUnits{});
    case BlockType::q5_k: return use(Q5KUnits{});
    case BlockType::q6_k: return use(Q6KUnits{});
    default: return;  // declined by the ladder
  }
}

template <class F, bool aligned>
void multiply(const Launch& on, const QMatmul& a) {
  constexpr int many = 4;
  const unsigned across = blocks_for(a.N, warps);
  const unsigned down = std::min(blocks_for(a.M, many), 65535u);
  if (a.M == 1)
    launch(on, "qmatmul", {{across}, {threads}}, multiply<F, aligned, 1>, a);
  else
    launch(on, "qmatmul", {{across, down}, {threads}}, multiply<F, aligned, many>, a);
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const QuantizeRows& a) {
  launch(on, "qmatmul_quantize", {{blocks_for(a.rows, 1)}, {threads}}, quantize, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const QMatmul& a) {
  with_format(a.format, [&]<class F>(F) {
    if (is_multiple(a.w, F::alignment) && is_multiple(a.x, 4))
      multiply<F, true>(on, a);
    else
      multiply<F, false>(on, a);
  });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const WidenRows& a) {
  with_format(a.format, [&]<class F>(F) {
    const Grid grid{{blocks_for(a.n, 1)}, {threads}};
    if (is_multiple(a.w, F::alignment))
      launch(on, "qmatmul_rows", grid, widen<F, true>, a);
    else
      launch(on, "qmatmul_rows", grid, widen<F, false>, a);
  });
}

}  // namespace hewn
