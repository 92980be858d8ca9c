#pragma once
// A square of C in the processor's AMX tiles: 2 x 2 registers of 16 x 16 sums. One instruction multiplies 16
// rows of A by 16 columns of B over 32 terms and adds the products: 16 thousand operations in the time of 16
// vector instructions. Each register of A and of B serves two products, so there is one load per product,
// exactly what the first-level cache can deliver. Included only by simd*amx.cpp.

#include "core/base/not_copied.h"
#include "kernels/matmul/cpu/blocks_amx.h"
#include "kernels/simd/vec_bf16.h"

namespace hewn {
namespace {

/// bf16 elements per register.
constexpr int64_t register_elements = 16 * square_terms;

/// Configures the registers' shape, 16 rows of 64 bytes, for its lifetime. Release it soon: while a thread
/// holds tile state, every switch to another thread is more expensive.
class TileRegisters : NotCopied {
 public:
  TileRegisters() {
    struct alignas(64) Shape {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    static constexpr Shape all_whole;
    _tile_loadconfig(&all_whole);
  }
  ~TileRegisters() { _tile_release(); }
};

/// Memory to prefetch: `lines` cache lines of each of `rows` rows, ld elements apart.
struct Ahead {
  const BFloat16* row = nullptr;
  int64_t ld = 0, rows = 0, lines = 0, at = 0;
  HEWN_INLINE void fetch(int64_t n) {
    for (; n > 0 && rows > 0; --n) {
      __builtin_prefetch(row + at * 32, 0, 2);
      if (++at == lines) at = 0, row += ld, --rows;
    }
  }
};

/// Up to 32 rows of A times up to 32 columns of B.
struct Square {
  int64_t steps;       ///< of 32 terms
  const BFloat16* a;   ///< [steps, 2, 16 rows, 32]
  const BFloat16* b;   ///< [steps, 2, 16 pairs, 16 columns, 2]
  const float* start;  ///< initial values of the sums, [32, 32], rows start_row apart; null: 0
  int64_t start_row;
  float* sums;  ///< [32, 32], rows sums_row apart
  int64_t sums_row;
};

/// Computes the sums; calls `meanwhile(step)` at every step, for vector instructions that run while the tiles
/// are multiplied. rows, cols: registers of C below and beside each other, 1 or 2.
template <int rows, int cols, class Meanwhile>
__attribute__((noinline)) void square_sums(const Square& s, const Meanwhile& meanwhile) {
  const int64_t from_row = s.start_row * static_cast<int64_t>(sizeof(float));
  const int64_t row = s.sums_row * static_cast<int64_t>(sizeof(float));
  const BFloat16 *a = s.a, *b = s.b;
  asm volatile("" ::: "memory");  // gcc does not know that the loads below read the stored values
  if (s.start) {
    _tile_loadd(0, s.start, from_row);
    if constexpr (cols == 2) _tile_loadd(1, s.start + 16, from_row);
    if constexpr (rows == 2) _tile_loadd(2, s.start + 16 * s.start_row, from_row);
    if constexpr (rows == 2 && cols == 2) _tile_loadd(3, s.start + 16 * s.start_row + 16, from_row);
  } else {
    _tile_zero(0);
    if constexpr (cols == 2) _tile_zero(1);
    if constexpr (rows == 2) _tile_zero(2);
    if constexpr (rows == 2 && cols == 2) _tile_zero(3);
  }
  for (int64_t step = 0; step < s.steps; ++step) {
    _tile_stream_loadd(4, b, 64);
    _tile_loadd(6, a, 64);
    _tile_dpbf16ps(0, 6, 4);
    if constexpr (cols == 2) {
      _tile_stream_loadd(5, b + register_elements, 64);
      _tile_dpbf16ps(1, 6, 5);
    }
    if constexpr (rows == 2) {
      _tile_loadd(7, a + register_elements, 64);
      _tile_dpbf16ps(2, 7, 4);
      if constexpr (cols == 2) _tile_dpbf16ps(3, 7, 5);
    }
    a += 2 * register_elements;
    b += 2 * register_elements;
    meanwhile(step);
  }
  _tile_stored(0, s.sums, row);
  if constexpr (cols == 2) _tile_stored(1, s.sums + 16, row);
  if constexpr (rows == 2) _tile_stored(2, s.sums + 16 * s.sums_row, row);
  if constexpr (rows == 2 && cols == 2) _tile_stored(3, s.sums + 16 * s.sums_row + 16, row);
  asm volatile("" ::: "memory");
}

template <class Meanwhile>
HEWN_INLINE void square_sums(const Square& s, int64_t rows, int64_t cols, const Meanwhile& meanwhile) {
  if (rows > 16)
    cols > 16 ? square_sums<2, 2>(s, meanwhile) : square_sums<2, 1>(s, meanwhile);
  else
    cols > 16 ? square_sums<1, 2>(s, meanwhile) : square_sums<1, 1>(s, meanwhile);
}

}  // namespace
}  // namespace hewn
