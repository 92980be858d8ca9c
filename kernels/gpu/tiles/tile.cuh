#pragma once
// Matrix products on tensor cores (mma.sync, from sm_80), and the shared-memory layout they read. Constexpr
// functions define where each element lies, in registers and in shared memory; the emulator's versions of the
// instructions are built on them and tests check them.

#include "kernels/gpu/simt/simt.h"
#include "kernels/gpu/tiles/async.cuh"

namespace hewn {
namespace {

struct Element {
  int row, col;
};

// Fragments of mma.m16n8k16: C [16, 8] += A [16, 16] B [16, 8]. A has 8 values per lane, two to a register; B
// has 4, packed likewise; C has 4 floats.

/// Position in A, B or C of a lane's i-th value.
__host__ __device__ constexpr Element place_in_a(int lane, int i) {
  return {lane / 4 + i / 2 % 2 * 8, lane % 4 * 2 + i % 2 + i / 4 * 8};
}
__host__ __device__ constexpr Element place_in_b(int lane, int i) {
  return {lane % 4 * 2 + i % 2 + i / 2 * 8, lane / 4};
}
__host__ __device__ constexpr Element place_in_c(int lane, int i) {
  return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2};
}
// Fragments of mma.m16n8k8 for TF32: C [16, 8] += A [16, 8] B [8, 8]; A has 4 values per lane, B 2, C as
// above.

__host__ __device__ constexpr Element place_in_tf32_a(int lane, int i) {
  return {lane / 4 + i % 2 * 8, lane % 4 + i / 2 * 4};
}
__host__ __device__ constexpr Element place_in_tf32_b(int lane, int i) {
  return {lane % 4 + i * 4, lane / 4};
}

/// Position within an 8 x 8 matrix loaded by ldmatrix of a lane's i-th value, of two; in the transposed
/// matrix if transposition was requested.
__host__ __device__ constexpr Element place_in_matrix(int lane, int i) {
  return {lane / 4, lane % 4 * 2 + i};
}

/// Position of 16-byte chunk `piece` of a row in shared memory with `pieces` chunks per row, in chunks from
/// the first. Eight consecutive rows fall into different banks, so that ldmatrix reads a matrix without
/// conflicts, and so do eight adjacent chunks of a row, for writing.
template <int pieces>
__host__ __device__ constexpr int swizzled(int row, int piece) {
  static_assert(pieces == 4 || pieces % 8 == 0);
  if constexpr (pieces == 4)
    return row * 4 + (piece ^ (row / 2 % 4));
  else
    return row * pieces + (piece ^ (row % 8));
}

#ifdef __CUDACC__

/// Two numbers rounded to bf16, the first in the lower 16 bits.
__device__ __forceinline__ uint32_t pair_of(float first, float second) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
}

/// 2^x within 2 ulp; results below 2^-126 are zero.
__device__ __forceinline__ float power_of_two(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// C += A B of bf16 pairs, the first of a pair in the lower 16 bits.
__device__ __forceinline__ void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// The nearest float with 10 bits of mantissa; ties go away from zero.
__device__ __forceinline__ uint32_t to_tf32(float x) {
  uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}

/// C += A B of TF32.
__device__ __forceinline__ void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// Loads four 8 x 8 matrices of bf16: lane l provides the address of row l % 8 of matrix l / 8, and receives
/// its pair of each matrix, or of each transposed matrix.
template <bool transposed>
__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], const void* row) {
  const auto from = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(from)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(from)
                 : "memory");
}

#else

inline uint32_t pair_of(float first, float second) {
  return to_bf16(first).bits | static_cast<uint32_t>(to_bf16(second).bits) << 16;
}

inline float power_of_two(float x) { return x < -126 ? 0 : std::exp2(x); }

/// The i-th bf16 in a lane's registers.
inline float bf16_of(const uint32_t* registers, int i) {
  return to_float(bf16{static_cast<uint16_t>(registers[i / 2] >> (16 * (i % 2)))});
}

struct MmaLane {
  float* c;
  const uint32_t *a, *b;
};

inline void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  MmaLane mine{c, a, b};
  emulator::warp_together(0xffffffffu, "mma", &mine, [](void* const lanes[32], uint32_t) {
    float left[16][16], right[16][8];
    for (int lane = 0; lane < 32; ++lane) {
      const auto& from = *static_cast<const MmaLane*>(lanes[lane]);
      for (int i = 0; i < 8; ++i) left[place_in_a(lane, i).row][place_in_a(lane, i).col] = bf16_of(from.a, i);
      for (int i = 0; i < 4; ++i)
        right[place_in_b(lane, i).row][place_in_b(lane, i).col] = bf16_of(from.b, i);
    }
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        const Element e = place_in_c(lane, i);
        float& sum = static_cast<const MmaLane*>(lanes[lane])->c[i];
        for (int k = 0; k < 16; ++k) sum = std::fma(left[e.row][k], right[k][e.col], sum);
      }
  });
}

inline uint32_t to_tf32(float x) {
  constexpr uint32_t dropped = 0x1fff;
  const uint32_t bits = __float_as_uint(x);
  return std::isnan(x) ? 0x7fffe000u : std::isinf(x) ? bits : (bits + (dropped + 1) / 2) & ~dropped;
}

inline void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  MmaLane mine{c, a, b};
  emulator::warp_together(0xffffffffu, "mma", &mine, [](void* const lanes[32], uint32_t) {
    float left[16][8], right[8][8];
    for (int lane = 0; lane < 32; ++lane) {
      const auto& from = *static_cast<const MmaLane*>(lanes[lane]);
      for (int i = 0; i < 4; ++i)
        left[place_in_tf32_a(lane, i).row][place_in_tf32_a(lane, i).col] = __uint_as_float(from.a[i]);
      for (int i = 0; i < 2; ++i)
        right[place_in_tf32_b(lane, i).row][place_in_tf32_b(lane, i).col] = __uint_as_float(from.b[i]);
    }
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        const Element e = place_in_c(lane, i);
        float& sum = static_cast<const MmaLane*>(lanes[lane])->c[i];
        for (int k = 0; k < 8; ++k) sum = std::fma(left[e.row][k], right[k][e.col], sum);
      }
  });
}

struct MatrixLane {
  const bf16* row;
  uint32_t* to;
  bool transposed;
};

template <bool transposed>
void load_matrices(uint32_t (&to)[4], const void* row) {
  if (reinterpret_cast<uintptr_t>(row) % 16) emulator::kernel_failed("a row of ldmatrix is not aligned");
  MatrixLane mine{static_cast<const bf16*>(row), to, transposed};
  emulator::warp_together(0xffffffffu, "ldmatrix", &mine, [](void* const lanes[32], uint32_t) {
    for (int lane = 0; lane < 32; ++lane) {
      const auto& into = *static_cast<const MatrixLane*>(lanes[lane]);
      for (int matrix = 0; matrix < 4; ++matrix) {
        uint32_t pair = 0;
        for (int i = 0; i < 2; ++i) {
          const Element e = place_in_matrix(lane, i);
          const int r = into.transposed ? e.col : e.row, c = into.transposed ? e.row : e.col;
          const bf16 x = static_cast<const MatrixLane*>(lanes[8 * matrix + r])->row[c];
          pair |= static_cast<uint32_t>(x.bits) << (16 * i);
        }
        into.to[matrix] = pair;
      }
    }
  });
}

#endif

}  // namespace
}  // namespace hewn
