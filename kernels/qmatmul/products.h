#pragma once
// A few quantised rows of x times rows of W in blocks. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/formats.h"
#if HEWN_VBYTES >= 32
#include "kernels/qmatmul/tiles.h"
#endif

namespace hewn {
namespace {

/// The sums of the products of two groups of a chunk with each row; x points to the chunk in the first row.
template <int g, class Format, int rows>
HEWN_INLINE void multiply_twos(const Format& w, const int8_t* x, int64_t padded, Ints (&sum)[rows]) {
  const Bytes a = w.template group<g>(), b = w.template group<g + 1>();
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    const int8_t* at = x + r * padded + g * quantised_block;
    sum[r] = join_twos(Format::dot(a, load_bytes(at)), Format::dot(b, load_bytes(at + quantised_block)));
  }
}

template <int g, class Format, int rows>
HEWN_INLINE void multiply_fours(const Format& w, const int8_t* x, int64_t padded, Ints (&sum)[rows]) {
  Ints last[rows];
  multiply_twos<g>(w, x, padded, sum);
  multiply_twos<g + 2>(w, x, padded, last);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) sum[r] = join_fours(sum[r], last[r]);
}

/// Adds the products of a chunk of W, from column k on, to y: lane j adds group j of every chunk.
template <class Format, int rows>
HEWN_INLINE void add_chunk(const Format& w, const QuantisedRows& x, int64_t k, Floats (&y)[rows]) {
  Ints first[rows], last[rows];
  multiply_fours<0>(w, x.q + k, x.padded, first);
  multiply_fours<4>(w, x.q + k, x.padded, last);
  const Floats scales = w.scales();
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    const int64_t at = (r * x.padded + k) / quantised_block;
    const Floats x_scale = load_floats(x.scale + at);
    Ints sum = w.total(first[r], last[r]);
    if constexpr (Format::zero != 0) sum = sum - load_ints(x.sum + at) * Format::zero;
    y[r] = fma(scales * x_scale, to_floats(sum), y[r]);
    if constexpr (Format::has_offsets)
      y[r] = fma(w.offsets() * x_scale, to_floats(load_ints(x.sum + at)), y[r]);
  }
}

/// Prefetches the chunk 2 KiB after w. Taking a chunk apart leaves room for few loads in flight, and the hardware
/// prefetcher falls behind, also on AMD's processors.
template <class Format>
HEWN_INLINE void fetch_chunk_ahead(const uint8_t* w) {
#pragma GCC unroll 5
  for (int64_t line = 0; line < Format::bytes; line += 64) __builtin_prefetch(w + 2048 + line);
}

/// Rows m to m + rows - 1 of x times rows [begin, end) of W.
template <class Format, int rows>
__attribute__((noinline)) void multiply_rows(const QMatmul& a, int64_t m, int64_t begin, int64_t end) {
  const BlockFormat& format = format_of(a.format);
  const QuantisedRows x(a, m);
  const int64_t bytes = a.K / format.elements * format.bytes, whole = a.K / quantised_chunk;
  // Blocks after the last whole chunk are copied; those that are missing have scale 0.
  uint8_t rest[Format::bytes] = {};
  const auto rest_bytes = static_cast<size_t>(bytes - whole * Format::bytes);
  const uint8_t* w = static_cast<const uint8_t*>(a.w) + begin * bytes;
  for (int64_t n = begin; n < end; ++n, w += bytes) {
    Floats y[rows] = {};
    for (int64_t c = 0; c < whole; ++c) {
      fetch_chunk_ahead<Format>(w + c * Format::bytes);
      add_chunk<Format, rows>(Format{w + c * Format::bytes}, x, c * quantised_chunk, y);
    }
    if (rest_bytes > 0) {
      __builtin_memcpy(rest, w + whole * Format::bytes, rest_bytes);
      add_chunk<Format, rows>(Format{rest}, x, whole * quantised_chunk, y);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) a.y[(m + r) * a.N + n] = sum_lanes(y[r]) + (a.bias ? a.bias[n] : 0);
  }
}

/// Rows of W that stay in a near cache while all rows of x are multiplied by them, at most four at a time.
constexpr int64_t rows_at_once = 8;

template <class Format>
void multiply(const Launch& launch, const QMatmul& a) {
#if HEWN_VBYTES >= 32
  if (a.M >= panels_from) return multiply_panels<Format>(launch, a);
#endif
  parallel_for(launch, a.N, [&](int64_t begin, int64_t end, int) {
    for (int64_t n = begin; n < end; n += rows_at_once) {
      const int64_t last = n + rows_at_once < end ? n + rows_at_once : end;
      int64_t m = 0;
      for (; m + 4 <= a.M; m += 4) multiply_rows<Format, 4>(a, m, n, last);
      if (a.M - m == 3) multiply_rows<Format, 3>(a, m, n, last);
      if (a.M - m == 2) multiply_rows<Format, 2>(a, m, n, last);
      if (a.M - m == 1) multiply_rows<Format, 1>(a, m, n, last);
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
