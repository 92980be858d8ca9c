// The first four steps from the dot product to the production kernel on a GPU, one idea each.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/gpu/epilogue.cuh"

namespace hewn {
namespace {

/// One plain float32 product, with operands as they are in memory: C (set or add) alpha A B.
struct Floats {
  int64_t M, N, K, lda, ldb, ldc;
  const float *a, *b;
  float *c, alpha;
  Write to_c;
  explicit Floats(const Matmul& m)
      : M(m.M),
        N(m.N),
        K(m.K),
        lda(m.lda),
        ldb(m.ldb),
        ldc(m.ldc),
        a(static_cast<const float*>(m.a)),
        b(static_cast<const float*>(m.b)),
        c(static_cast<float*>(m.c)),
        alpha(static_cast<float>(m.alpha)),
        to_c(m.to_c) {}
};

/// One thread per element. Adjacent threads of a warp work a row apart: each of their loads of A, and each
/// store, is a separate memory transaction.
__global__ void __launch_bounds__(256, blocks_with(256, 64)) multiply_naive(Floats m) {
  const int64_t i = int64_t{blockIdx.x} * 16 + threadIdx.x, j = int64_t{blockIdx.y} * 16 + threadIdx.y;
  if (i >= m.M || j >= m.N) return;
  float sum = 0;
  for (int64_t k = 0; k < m.K; ++k) sum += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
  write(m.c + i * m.ldc + j, m.alpha * sum, m.to_c);
}

/// The same with adjacent threads along a row (coalesced): they share their loads of A, and their loads of B
/// and their stores are contiguous. Supports every type and every option, as the fallback for arguments that
/// no better kernel takes. T is the type of the operands, C that of C, S that of the sums.
template <class T, class C, class S>
__global__ void __launch_bounds__(256, blocks_with(256, 64)) multiply_coalesced(Matmul m, PlainTiles tiles) {
  for (int64_t tile = blockIdx.x; tile < tiles.count(); tile += gridDim.x) {
    const PlainPlace place = place_of(tiles, tile);
    const int batch = place.batch;
    const int64_t i = place.row + threadIdx.y, j = place.col + threadIdx.x;
    if (i >= m.M || j >= m.N) continue;
    const T* a = static_cast<const T*>(m.a) + offset_of(m.a_step, m, batch) + i * (m.trans_a ? 1 : m.lda);
    const T* b = static_cast<const T*>(m.b) + offset_of(m.b_step, m, batch) + j * (m.trans_b ? m.ldb : 1);
    const int64_t next_a = m.trans_a ? m.lda : 1, next_b = m.trans_b ? 1 : m.ldb;
    S sum = 0;
    for (int64_t k = 0; k < m.K; ++k)
      sum = std::fma(load_as<S>(a + k * next_a), load_as<S>(b + k * next_b), sum);
    finish<C>(m, offset_of(m.c_step, m, batch), i, j, sum);
    if (!m.b_sums || i > 0) continue;
    S of_column = 0;
    for (int64_t k = 0; k < m.K; ++k) of_column += load_as<S>(b + k * next_b);
    write(static_cast<S*>(m.b_sums) + j, of_column, m.to_b_sums);
  }
}

/// A block loads square tiles of A and B into shared memory, from which each element is read 32 times.
constexpr int square = 32;
struct Squares {
  float a[square][square], b[square][square];
};

__global__ void __launch_bounds__(square* square, 1) multiply_shared(Floats m) {
  Squares& s = shared_memory<Squares>();
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int64_t i = int64_t{blockIdx.y} * square + y, j = int64_t{blockIdx.x} * square + x;
  float sum = 0;
  for (int64_t k = 0; k < m.K; k += square) {
    s.a[y][x] = i < m.M && k + x < m.K ? m.a[i * m.lda + k + x] : 0;
    s.b[y][x] = k + y < m.K && j < m.N ? m.b[(k + y) * m.ldb + j] : 0;
    __syncthreads();
#pragma unroll
    for (int t = 0; t < square; ++t) sum += s.a[y][t] * s.b[t][x];
    __syncthreads();
  }
  if (i < m.M && j < m.N) write(m.c + i * m.ldc + j, m.alpha * sum, m.to_c);
}

/// Each thread computes 4 x 4 elements: eight loads from shared memory for sixteen multiply-adds, instead of
/// two for one.
constexpr int patch = 64, patch_depth = 16;
struct Patches {
  float a[patch_depth][patch], b[patch_depth][patch];
};

__global__ void __launch_bounds__(256, blocks_with(256, 64)) multiply_registers(Floats m) {
  Patches& s = shared_memory<Patches>();
  const int thread = static_cast<int>(threadIdx.x), row = thread / 16, col = thread % 16;
  const int64_t i0 = int64_t{blockIdx.y} * patch, j0 = int64_t{blockIdx.x} * patch;
  float sum[4][4] = {};
  for (int64_t k0 = 0; k0 < m.K; k0 += patch_depth) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int64_t i = i0 + row + 16 * e, k = k0 + col;
      s.a[col][row + 16 * e] = i < m.M && k < m.K ? m.a[i * m.lda + k] : 0;
      const int64_t j = j0 + thread % patch, kb = k0 + thread / patch + 4 * e;
      s.b[thread / patch + 4 * e][thread % patch] = kb < m.K && j < m.N ? m.b[kb * m.ldb + j] : 0;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < patch_depth; ++k)
#pragma unroll
      for (int y = 0; y < 4; ++y)
#pragma unroll
        for (int x = 0; x < 4; ++x) sum[y][x] += s.a[k][row + 16 * y] * s.b[k][col + 16 * x];
    __syncthreads();
  }
#pragma unroll
  for (int y = 0; y < 4; ++y)
#pragma unroll
    for (int x = 0; x < 4; ++x) {
      const int64_t i = i0 + row + 16 * y, j = j0 + col + 16 * x;
      if (i < m.M && j < m.N) write(m.c + i * m.ldc + j, m.alpha * sum[y][x], m.to_c);
    }
}

unsigned pieces(int64_t n, int64_t piece) { return static_cast<unsigned>(ceil_div(n, piece)); }

template <class T, class C = T, class S = T>
void coalesced(const Launch& on, const Matmul& m) {
  const PlainTiles tiles = plain_tiles(m);
  launch(on, "matmul_coalesced", {blocks_for(tiles.count(), 1), {PlainTiles::cols, PlainTiles::rows}},
         multiply_coalesced<T, C, S>, m, tiles);
}

}  // namespace

template <>
void kernel<"cuda.naive", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  launch(on, "matmul_naive", {{pieces(m.M, 16), pieces(m.N, 16)}, {16, 16}}, multiply_naive, Floats(m));
}

template <>
void kernel<"cuda.coalesced", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  if (m.dtype == DType::f64)
    coalesced<double>(on, m);
  else if (m.dtype == DType::f32)
    coalesced<float>(on, m);
  else if (m.bf16_c)
    coalesced<bf16, bf16, float>(on, m);
  else
    coalesced<bf16, float, float>(on, m);
}

template <>
void kernel<"cuda.shared", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  launch(on, "matmul_shared", {{pieces(m.N, square), pieces(m.M, square)}, {square, square}}, multiply_shared,
         Floats(m));
}

template <>
void kernel<"cuda.registers", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  launch(on, "matmul_registers", {{pieces(m.N, patch), pieces(m.M, patch)}, 256}, multiply_registers,
         Floats(m));
}

}  // namespace hewn
