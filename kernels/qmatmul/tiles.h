#pragma once
// Many quantised rows of x times rows of W in blocks, as in a prompt: eight rows of W are unpacked and
// transposed once for up to 64 rows of x, so that each lane is a row of W and no sums across lanes are
// needed. Each sum has the operations, order and bits of products.h. Compiled per instruction set with
// vectors of 32 bytes or more; included only by products.h.

#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/abi.h"
#include "kernels/qmatmul/formats.h"

namespace hewn {
namespace {

constexpr int panel_rows = 8;      ///< of W
constexpr int fours_in_group = 8;  ///< a group is eight times four elements

/// A group of eight rows of W.
struct PanelGroup {
  int8_t fours[fours_in_group][panel_rows][4];  ///< elements 4q to 4q + 3 of each row
  float scales[panel_rows], offsets[panel_rows];
  int32_t of_halves[2][panel_rows];  ///< the integer scales of 16 elements each, if the format has them
};
static_assert(sizeof(PanelGroup) == panel_group_bytes);

/// Transposes an 8 x 8 matrix of 32-bit words.
HEWN_INLINE void transpose(__m256i (&v)[8]) {
  __m256i twos[8], fours[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    twos[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    twos[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      fours[i + 2 * j] = _mm256_unpacklo_epi64(twos[i + j], twos[i + j + 2]);
      fours[i + 2 * j + 1] = _mm256_unpackhi_epi64(twos[i + j], twos[i + j + 2]);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
    v[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
  }
}

/// Stores the eight numbers of each of eight rows, transposed: number i of all rows at to(i).
template <class Numbers, class Place>
HEWN_INLINE void store_transposed(const Numbers (&rows)[8], const Place& to) {
  __m256i v[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = reinterpret_cast<__m256i>(rows[i].part[0]);
  transpose(v);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) __builtin_memcpy(to(i), &v[i], sizeof v[i]);
}

/// Groups g and g + 4 of a chunk of eight rows. In formats with scales of half groups, the numbers become
/// signed, like their sums.
template <int g, class Format>
HEWN_INLINE void pack_pair(const uint8_t* const (&w)[panel_rows], PanelGroup& to, PanelGroup& to_other) {
  Bytes first[panel_rows], last[panel_rows];
  constexpr uint8_t zero = Format::has_halves ? Format::zero : 0;
#pragma GCC unroll 8
  for (int r = 0; r < panel_rows; ++r) {
    const Pair pair = Format{w[r]}.template pair<g>();
    first[r] = pair.first - zero;
    last[r] = pair.last - zero;
  }
  store_transposed(first, [&](int i) { return i < 4 ? to.fours[i] : to_other.fours[i - 4]; });
  store_transposed(last, [&](int i) { return i < 4 ? to.fours[i + 4] : to_other.fours[i]; });
  if constexpr (Format::has_halves)
    for (int r = 0; r < panel_rows; ++r) {
      const SixteenBytes scales = Format{w[r]}.half_scales();
      for (int half = 0; half < 2; ++half) {
        to.of_halves[half][r] = scales[2 * g + half];
        to_other.of_halves[half][r] = scales[2 * g + 8 + half];
      }
    }
}

/// A chunk of eight rows becomes the groups `to`, `stride` apart.
template <class Format>
__attribute__((noinline)) void pack_chunk(const uint8_t* const (&w)[panel_rows], PanelGroup* to,
                                          int64_t stride) {
  pack_pair<0, Format>(w, to[0], to[4 * stride]);
  pack_pair<1, Format>(w, to[stride], to[5 * stride]);
  pack_pair<2, Format>(w, to[2 * stride], to[6 * stride]);
  pack_pair<3, Format>(w, to[3 * stride], to[7 * stride]);
  Floats rows[panel_rows];
#pragma GCC unroll 8
  for (int r = 0; r < panel_rows; ++r) rows[r] = Format{w[r]}.scales();
  store_transposed(rows, [&](int i) { return to[i * stride].scales; });
  if constexpr (Format::has_offsets) {
#pragma GCC unroll 8
    for (int r = 0; r < panel_rows; ++r) rows[r] = Format{w[r]}.offsets();
    store_transposed(rows, [&](int i) { return to[i * stride].offsets; });
  }
}

/// Unpacks rows n to n + 7 of W; rows from `end` on repeat the last one. Group g of all chunks is contiguous,
/// since one lane of the sums adds these.
template <class Format>
void pack_panel(const QMatmul& a, int64_t n, int64_t end, PanelGroup* panel) {
  const BlockFormat& format = format_of(a.format);
  const int64_t bytes = a.K / format.elements * format.bytes, whole = a.K / quantised_chunk;
  const int64_t chunks = padded_cols(a.K) / quantised_chunk;
  const uint8_t* w[panel_rows];
  for (int r = 0; r < panel_rows; ++r)
    w[r] = static_cast<const uint8_t*>(a.w) + (n + r < end ? n + r : end - 1) * bytes;
  for (int64_t c = 0; c < whole; ++c) {
    pack_chunk<Format>(w, panel + c, chunks);
    for (const uint8_t*& row : w) row += Format::bytes;
  }
  if (whole == chunks) return;
  // Blocks that are missing in the last chunk have scale 0.
  uint8_t rest[panel_rows][Format::bytes] = {};
  for (int r = 0; r < panel_rows; ++r) {
    __builtin_memcpy(rest[r], w[r], static_cast<size_t>(bytes - whole * Format::bytes));
    w[r] = rest[r];
  }
  pack_chunk<Format>(w, panel + whole, chunks);
}

/// The dot products of a group of x with the same group, `w`, of each row of a panel.
template <class Format>
HEWN_INLINE Ints sums_of(const Bytes (&w)[fours_in_group], const int8_t* x, const PanelGroup& group) {
  __m256i all = _mm256_setzero_si256(), some = all;
  [[maybe_unused]] __m256i words = all;
#pragma GCC unroll 8
  for (int q = 0; q < fours_in_group; ++q) {
    int32_t four;
    __builtin_memcpy(&four, x + 4 * q, sizeof four);
    __m256i a = bits_of(w[q]), b = _mm256_set1_epi32(four);
    if constexpr (Format::is_signed || Format::has_halves) b = _mm256_sign_epi8(b, a), a = _mm256_abs_epi8(a);
#if defined(__AVX512VNNI__)
    some = _mm256_dpbusd_epi32(some, a, b);
#else
    const __m256i products = _mm256_maddubs_epi16(a, b);
    words = q % Format::fours_in_words == 0 ? products : _mm256_add_epi16(words, products);
    if (q % Format::fours_in_words == Format::fours_in_words - 1)
      some = _mm256_add_epi32(some, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
#endif
    if (Format::has_halves && q % 4 == 3) {
      const Ints scales = load_ints(group.of_halves[q / 4]);
      all = _mm256_add_epi32(all, _mm256_mullo_epi32(some, bits_of(scales)));
      some = _mm256_setzero_si256();
    }
  }
  return as_ints(Format::has_halves ? all : some);
}

/// Adds the products of a group of a panel with rows of x, from column k on.
template <class Format, int rows>
HEWN_INLINE void add_group(const PanelGroup& group, const QuantisedRows& x, int64_t k, Floats (&y)[rows]) {
  Bytes w[fours_in_group];
#pragma GCC unroll 8
  for (int q = 0; q < fours_in_group; ++q) w[q] = load_bytes(group.fours[q]);
  const Floats scales = load_floats(group.scales);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    const int64_t at = (r * x.padded + k) / quantised_block;
    Ints sum = sums_of<Format>(w, x.q + r * x.padded + k, group);
    const __m256i of_x = _mm256_set1_epi32(x.sum[at]);
    if constexpr (Format::zero != 0 && !Format::has_halves) sum = sum - as_ints(of_x) * Format::zero;
    y[r] = fma(scales * x.scale[at], to_floats(sum), y[r]);
    if constexpr (Format::has_offsets)
      y[r] = fma(load_floats(group.offsets) * x.scale[at], to_floats(as_ints(of_x)), y[r]);
  }
}

/// Rows m to m + rows - 1 of x times rows [n, end) of W, at most eight.
template <class Format, int rows>
__attribute__((noinline)) void multiply_panel(const QMatmul& a, int64_t m, int64_t n, int64_t end,
                                              const PanelGroup* panel) {
  const QuantisedRows x(a, m);
  const int64_t chunks = padded_cols(a.K) / quantised_chunk;
  Floats lanes[8][rows];  // as in products.h: lane j adds group j of every chunk
  for (int64_t j = 0; j < 8; ++j) {
    Floats y[rows] = {};
    for (int64_t c = 0; c < chunks; ++c)
      add_group<Format, rows>(panel[j * chunks + c], x, c * quantised_chunk + j * quantised_block, y);
    for (int r = 0; r < rows; ++r) lanes[j][r] = y[r];
  }
  for (int r = 0; r < rows; ++r) {
    const auto four = [&](int i) { return lanes[i][r].part[0] + lanes[i + 4][r].part[0]; };
    const FloatVector sums = (four(0) + four(2)) + (four(1) + four(3));  // as in sum_lanes
    for (int64_t i = n; i < end; ++i) a.y[(m + r) * a.N + i] = sums[i - n] + (a.bias ? a.bias[i] : 0);
  }
}

template <class Format>
void multiply_panels(const Launch& launch, const QMatmul& a) {
  const int64_t groups = padded_cols(a.K) / quantised_block;
  parallel_for(launch, blocks_of(a.N, panel_rows), [&](int64_t first, int64_t last, int worker) {
    auto* const panel = static_cast<PanelGroup*>(launch.scratch) + worker * groups;
    for (int64_t near = 0; near < a.M; near += near_rows) {
      const int64_t near_end = near + near_rows < a.M ? near + near_rows : a.M;
      for (int64_t p = first; p < last; ++p) {
        const int64_t n = p * panel_rows, end = n + panel_rows < a.N ? n + panel_rows : a.N;
        pack_panel<Format>(a, n, end, panel);
        int64_t m = near;
        for (; m + 4 <= near_end; m += 4) multiply_panel<Format, 4>(a, m, n, end, panel);
        for (; m < near_end; ++m) multiply_panel<Format, 1>(a, m, n, end, panel);
      }
    }
  });
}

}  // namespace
}  // namespace hewn
