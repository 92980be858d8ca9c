#pragma once
// A few quantised rows of x times rows of W in blocks. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/formats.h"
#if HEWN_VBYTES >= 32
#include "kernels/qmatmul/tiles.h"
#endif

namespace hewn {
namespace {

/// 256 elements of a quantised row of x, in the order in which rows of W are read.
struct NearChunk {
  /// For g in 0 to 3: the first 16 elements of groups g and g + 4, then the last 16 of both.
  int8_t q[4][2][quantised_block];
  float scale[8];        ///< of each group
  int32_t sum[8];        ///< of each group's q
  int16_t half_sum[16];  ///< of each half of a group; unset for formats without scales of halves
};

/// The chunk of a row of x from column k on.
template <class Format>
void arrange(const QuantisedRows& x, int64_t k, NearChunk& to) {
  for (int half = 0; half < 16; ++half) {
    const int8_t* const from = x.q + k + half * 16;
    __builtin_memcpy(to.q[half / 2 % 4][half % 2] + half / 8 * 16, from, 16);
    if constexpr (Format::has_halves) {
      int32_t sum = 0;
      for (int i = 0; i < 16; ++i) sum += from[i];
      to.half_sum[half] = static_cast<int16_t>(sum);
    }
  }
  __builtin_memcpy(to.scale, x.scale + k / quantised_block, sizeof to.scale);
  __builtin_memcpy(to.sum, x.sum + k / quantised_block, sizeof to.sum);
}

/// Rows of x that are multiplied together: `chunks` of one row, then those of the next.
struct NearRows {
  const NearChunk* at;
  int64_t chunks;
};

HEWN_INLINE Ints dot_pair(const Pair& w, const NearChunk& x, int g, bool is_signed) {
  const Bytes first = load_bytes(x.q[g][0]), last = load_bytes(x.q[g][1]);
  return is_signed ? dot_signed(w.first, first) + dot_signed(w.last, last)
                   : dot_unsigned(w.first, first, w.last, last);
}

/// The sums of the products of each group of a chunk with each row.
template <class Format, int rows>
HEWN_INLINE void sum_groups(const Format& w, const NearRows& x, Ints (&sum)[rows]) {
  Ints twos[rows];
  const auto join = [&](const Pair& a, const Pair& b, int g, Ints(&to)[rows]) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const NearChunk& row = x.at[r * x.chunks];
      to[r] = join_twos(dot_pair(a, row, g, Format::is_signed), dot_pair(b, row, g + 1, Format::is_signed));
    }
  };
  join(w.template pair<0>(), w.template pair<1>(), 0, twos);
  join(w.template pair<2>(), w.template pair<3>(), 2, sum);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) sum[r] = join_fours(twos[r], sum[r]);
}

/// The same for formats with scales of half groups: the products of each half are added, then multiplied by
/// its scale.
template <class Format, int rows>
HEWN_INLINE void sum_halves(const Format& w, const NearRows& x, Ints (&sum)[rows]) {
  const Pair p[] = {w.template pair<0>(), w.template pair<1>(), w.template pair<2>(), w.template pair<3>()};
  const SixteenBytes s = w.half_scales();
  const SixteenBytes by_half =
      __builtin_shufflevector(s, s, 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    const NearChunk& row = x.at[r * x.chunks];
    const auto dot = [&](Bytes a, int g, int half) { return dot_unsigned(a, load_bytes(row.q[g][half])); };
    const Ints first = join_fours(join_twos(dot(p[0].first, 0, 0), dot(p[1].first, 1, 0)),
                                  join_twos(dot(p[2].first, 2, 0), dot(p[3].first, 3, 0)));
    const Ints last = join_fours(join_twos(dot(p[0].last, 0, 1), dot(p[1].last, 1, 1)),
                                 join_twos(dot(p[2].last, 2, 1), dot(p[3].last, 3, 1)));
    sum[r] =
        first * widen_first(by_half) + last * widen_last(by_half) - dot_words(s, row.half_sum) * Format::zero;
  }
}

/// Adds the products of a chunk of W to y: lane j adds group j of every chunk.
template <class Format, int rows>
HEWN_INLINE void add_chunk(const Format& w, const NearRows& x, Floats (&y)[rows]) {
  Ints sum[rows];
  if constexpr (Format::has_halves)
    sum_halves(w, x, sum);
  else
    sum_groups(w, x, sum);
  const Floats scales = w.scales();
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    const NearChunk& row = x.at[r * x.chunks];
    const Floats x_scale = load_floats(row.scale);
    if constexpr (Format::zero != 0 && !Format::has_halves)
      sum[r] = sum[r] - load_ints(row.sum) * Format::zero;
    y[r] = fma(scales * x_scale, to_floats(sum[r]), y[r]);
    if constexpr (Format::has_offsets) y[r] = fma(w.offsets() * x_scale, to_floats(load_ints(row.sum)), y[r]);
  }
}

/// Prefetches the chunk 3 KiB after w. Unpacking a chunk leaves room for few loads in flight, and the
/// hardware prefetcher falls behind, on AMD's processors too.
template <class Format>
HEWN_INLINE void fetch_chunk_ahead(const uint8_t* w) {
#pragma GCC unroll 5
  for (int64_t line = 0; line < Format::bytes; line += 64) __builtin_prefetch(w + 3072 + line);
}

/// Rows m to m + rows - 1 of x, arranged, times rows [begin, end) of W.
template <class Format, int rows>
__attribute__((noinline)) void multiply_rows(const QMatmul& a, const NearRows& x, int64_t m, int64_t begin,
                                             int64_t end) {
  const BlockFormat& format = format_of(a.format);
  const int64_t bytes = a.K / format.elements * format.bytes, whole = a.K / quantised_chunk;
  // Blocks after the last whole chunk are copied; those that are missing have scale 0.
  uint8_t rest[Format::bytes] = {};
  const auto rest_bytes = static_cast<size_t>(bytes - whole * Format::bytes);
  const uint8_t* w = static_cast<const uint8_t*>(a.w) + begin * bytes;
  for (int64_t n = begin; n < end; ++n, w += bytes) {
    Floats y[rows] = {};
    NearRows near = x;
    for (int64_t c = 0; c < whole; ++c, ++near.at) {
      fetch_chunk_ahead<Format>(w + c * Format::bytes);
      add_chunk<Format, rows>(Format{w + c * Format::bytes}, near, y);
    }
    if (rest_bytes > 0) {
      __builtin_memcpy(rest, w + whole * Format::bytes, rest_bytes);
      add_chunk<Format, rows>(Format{rest}, near, y);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) a.y[(m + r) * a.N + n] = sum_lanes(y[r]) + (a.bias ? a.bias[n] : 0);
  }
}

/// Rows of W that stay in a near cache while rows of x are multiplied by them, at most four at a time.
constexpr int64_t rows_at_once = 8;

/// Rows [m, m_end) of x times rows [begin, end) of W.
template <class Format>
void multiply_near(const QMatmul& a, const NearRows& x, int64_t m, int64_t m_end, int64_t begin,
                   int64_t end) {
  for (int64_t n = begin; n < end; n += rows_at_once) {
    const int64_t last = n + rows_at_once < end ? n + rows_at_once : end;
    NearRows near = x;
    int64_t i = m;
    for (; i + 4 <= m_end; i += 4, near.at += 4 * x.chunks) multiply_rows<Format, 4>(a, near, i, n, last);
    if (m_end - i == 3) multiply_rows<Format, 3>(a, near, i, n, last);
    if (m_end - i == 2) multiply_rows<Format, 2>(a, near, i, n, last);
    if (m_end - i == 1) multiply_rows<Format, 1>(a, near, i, n, last);
  }
}

template <class Format>
void multiply(const Launch& launch, const QMatmul& a) {
#if HEWN_VBYTES >= 32
  if (a.M >= panels_from) return multiply_panels<Format>(launch, a);
#endif
  static_assert(sizeof(NearChunk) == near_chunk_bytes);
  const int64_t chunks = padded_cols(a.K) / quantised_chunk;
  parallel_for(launch, a.N, [&](int64_t begin, int64_t end, int worker) {
    auto* const near =
        static_cast<NearChunk*>(launch.scratch) + worker * (a.M < near_rows ? a.M : near_rows) * chunks;
    for (int64_t m = 0; m < a.M; m += near_rows) {
      const int64_t m_end = m + near_rows < a.M ? m + near_rows : a.M;
      for (int64_t i = m; i < m_end; ++i)
        for (int64_t c = 0; c < chunks; ++c)
          arrange<Format>(QuantisedRows(a, i), c * quantised_chunk, near[(i - m) * chunks + c]);
      multiply_near<Format>(a, {near, chunks}, m, m_end, begin, end);
    }
  });
}

HEWN_INLINE void multiply_in_format(const Launch& launch, const QMatmul& a) {
  switch (a.format) {
    case BlockType::q8_0: return multiply<Q8_0>(launch, a);
    case BlockType::q4_0: return multiply<Q4_0>(launch, a);
    case BlockType::q5_0: return multiply<Q5_0>(launch, a);
    case BlockType::q4_k: return multiply<Q4_K>(launch, a);
    case BlockType::q5_k: return multiply<Q5_K>(launch, a);
    case BlockType::q6_k: return multiply<Q6_K>(launch, a);
    default: return;  // declined by the ladder
  }
}

}  // namespace
}  // namespace hewn
