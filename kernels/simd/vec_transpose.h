#pragma once
// Transposing squares of elements in registers.

#include <utility>

#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// Interleaves a0 b0 a1 b1 ... of the lower or upper half of every block of lanes, in units of `unit` lanes.
template <int unit, int block, bool upper, class V, int... i>
HEWN_INLINE V zip(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i), start = upper ? block / 2 : 0;
  return __builtin_shufflevector(
      a, b, (i / block * block + start + i % block / unit / 2 * unit + i % unit + i / unit % 2 * n)...);
}

/// Transposes squares of n x n elements, n rows of a group by n lanes of a block. Each round interleaves row i
/// with row i + n / 2, which rotates the bits of the index (row, column) by one, so that log2 n rounds exchange
/// row and column.
/// Interleaving the halves of a 32-byte vector takes four instructions. So if a block fills such a vector,
/// rows n / 2 apart first exchange halves, and each half is then transposed separately.
template <int n, class V, int count>
HEWN_INLINE void transpose(V (&rows)[count]) {
  constexpr int w = static_cast<int>(sizeof(V) / sizeof(rows[0][0]));
  constexpr std::make_integer_sequence<int, w> all{};
  if constexpr (HEWN_VBYTES == 32 && n == w && n > 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
      const V lower = zip<n / 2, n, false>(rows[i], rows[i + n / 2], all);
      rows[i + n / 2] = zip<n / 2, n, true>(rows[i], rows[i + n / 2], all);
      rows[i] = lower;
    }
    return transpose<n / 2>(rows);
  }
#pragma GCC unroll 4
  for (int round = 1; round < n; round *= 2) {
    V zipped[count];
#pragma GCC unroll 8
    for (int i = 0; i < count / 2; ++i) {
      const int at = i / (n / 2) * n + i % (n / 2);
      zipped[2 * i] = zip<1, n, false>(rows[at], rows[at + n / 2], all);
      zipped[2 * i + 1] = zip<1, n, true>(rows[at], rows[at + n / 2], all);
    }
#pragma GCC unroll 16
    for (int i = 0; i < count; ++i) rows[i] = zipped[i];
  }
}

}  // namespace
}  // namespace hewn
