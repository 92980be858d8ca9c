// Up to eight rows, as in decoding: the time is that of reading B from memory. So every byte of B is loaded
// only once, in whole lines per warp, with many loads in flight, for all rows of A together.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/gpu/epilogue.cuh"

namespace hewn {
namespace {

constexpr int warps = 8, threads = 32 * warps;

/// Loads four terms adjacent along K, with one load if `wide`, i.e. if they are aligned.
template <class T>
__device__ __forceinline__ void load_terms(const T* p, bool wide, float (&to)[4]) {
  if (wide) {
    const float4 x = load_four(p);
    to[0] = x.x, to[1] = x.y, to[2] = x.z, to[3] = x.w;
  } else {
#pragma unroll
    for (int v = 0; v < 4; ++v) to[v] = load_as<float>(p + v);
  }
}

/// B as [N, K]: a warp computes one column of C. Lane l takes terms 4 l + 128 n to 4 l + 128 n + 3.
template <class T, class C, int rows>
__global__ void __launch_bounds__(threads, 2) multiply_along_terms(Matmul m, bool wide_a, bool wide_b) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t j = int64_t{blockIdx.x} * warps + threadIdx.x / 32;
  const int batch = static_cast<int>(blockIdx.y);
  if (j >= m.N) return;  // uniform over the warp
  const T* a = static_cast<const T*>(m.a) + offset_of(m.a_step, m, batch);
  const T* b = static_cast<const T*>(m.b) + offset_of(m.b_step, m, batch) + j * m.ldb;
  const int64_t next_row = m.trans_a ? 1 : m.lda, next_term = m.trans_a ? m.lda : 1;
  float sum[rows] = {};
  int64_t k = 4 * lane;
#pragma unroll 4
  for (; k + 4 <= m.K; k += 128) {
    float x[4];
    load_terms(b + k, wide_b, x);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      if (r >= m.M) break;
      float y[4];
      if (wide_a) {
        load_terms(a + r * m.lda + k, true, y);
      } else {
#pragma unroll
        for (int v = 0; v < 4; ++v) y[v] = load_as<float>(a + r * next_row + (k + v) * next_term);
      }
#pragma unroll
      for (int v = 0; v < 4; ++v) sum[r] = std::fma(y[v], x[v], sum[r]);
    }
  }
  for (; k < m.K; ++k)  // at most three terms, in one lane
#pragma unroll
    for (int r = 0; r < rows; ++r)
      if (r < m.M)
        sum[r] = std::fma(load_as<float>(a + r * next_row + k * next_term), load_as<float>(b + k), sum[r]);
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    if (r >= m.M) break;
    const float whole = warp_sum(sum[r]);
    if (lane == 0) finish<C>(m, offset_of(m.c_step, m, batch), r, j, whole);
  }
}

/// The partial sums of the warps of a block.
template <int rows>
struct Sums {
  float at[warps][rows][32];
};

/// B as [K, N]: a block computes 32 columns of C, one per lane. Each warp takes every eighth row of B, and
/// the warps' sums are added in order.
template <class T, class C, int rows>
__global__ void __launch_bounds__(threads, 2) multiply_along_columns(Matmul m) {
  Sums<rows>& sums = shared_memory<Sums<rows>>();
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t j = int64_t{blockIdx.x} * 32 + lane;
  const int batch = static_cast<int>(blockIdx.y);
  const T* a = static_cast<const T*>(m.a) + offset_of(m.a_step, m, batch);
  const T* b = static_cast<const T*>(m.b) + offset_of(m.b_step, m, batch) + j;
  const int64_t next_row = m.trans_a ? 1 : m.lda, next_term = m.trans_a ? m.lda : 1;
  float sum[rows] = {};
  // Rows of B per unrolled iteration; with more, registers spill. Unused where the pragma has no effect.
  [[maybe_unused]] constexpr int at_once = rows > 4 ? 2 : 8;
  if (j < m.N) {
#pragma unroll at_once
    for (int64_t k = warp; k < m.K; k += warps) {
      const float x = load_as<float>(b + k * m.ldb);
#pragma unroll
      for (int r = 0; r < rows; ++r)
        if (r < m.M) sum[r] = std::fma(load_as<float>(a + r * next_row + k * next_term), x, sum[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) sums.at[warp][r][lane] = sum[r];
  __syncthreads();
  for (int r = warp; r < m.M; r += warps) {
    float whole = 0;
#pragma unroll
    for (int w = 0; w < warps; ++w) whole += sums.at[w][r][lane];
    if (j < m.N) finish<C>(m, offset_of(m.c_step, m, batch), r, j, whole);
  }
}

template <class T>
bool four_are_wide(const void* data, int64_t ld, const MatmulStep& step) {
  return reinterpret_cast<uintptr_t>(data) % (4 * sizeof(T)) == 0 && ld % 4 == 0 && step.outer % 4 == 0 &&
         step.inner % 4 == 0;
}

template <class T, class C, int rows>
void multiply(const Launch& on, const Matmul& m) {
  const auto batch = static_cast<unsigned>(m.outer * m.inner);
  if (m.trans_b)
    launch(on, "matmul_along_terms", {{blocks_for(m.N, warps), batch}, threads},
           multiply_along_terms<T, C, rows>, m, !m.trans_a && four_are_wide<T>(m.a, m.lda, m.a_step),
           four_are_wide<T>(m.b, m.ldb, m.b_step));
  else
    launch(on, "matmul_along_columns", {{blocks_for(m.N, 32), batch}, threads},
           multiply_along_columns<T, C, rows>, m);
}

template <class T, class C>
void multiply(const Launch& on, const Matmul& m) {
  if (m.M == 1)
    multiply<T, C, 1>(on, m);
  else if (m.M <= 4)
    multiply<T, C, 4>(on, m);
  else
    multiply<T, C, few_rows>(on, m);
}

}  // namespace

template <>
void kernel<"cuda.few_rows", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  if (m.dtype == DType::f32)
    multiply<float, float>(on, m);
  else if (m.bf16_c)
    multiply<bf16, bf16>(on, m);
  else
    multiply<bf16, float>(on, m);
}

}  // namespace hewn
