#pragma once
// Copies of A and B in the layout of AMX tiles: of A 16 rows of 32 terms, of B 16 pairs of terms of 16
// columns; missing elements are zero. Included only by simd*amx.cpp.

#include "kernels/contract/parallel.h"
#include "kernels/matmul/cpu/pack_bf16.h"
#include "kernels/matmul/cpu/tile_amx.h"

namespace hewn {
namespace {

/// The first n of 2W elements at p, the rest zero; n may be negative or exceed 2W.
HEWN_INLINE vi load_terms(const BFloat16* p, int64_t n) {
  if (n >= 2 * W) return reinterpret_cast<vi>(_mm512_loadu_si512(p));
  const auto some = static_cast<__mmask32>((uint32_t{1} << (n > 0 ? n : 0)) - 1);
  return reinterpret_cast<vi>(_mm512_maskz_loadu_epi16(some, p));
}
HEWN_INLINE void store_terms(BFloat16* p, vi v) { _mm512_storeu_si512(p, reinterpret_cast<__m512i>(v)); }

/// Pairs of the first n of W adjacent elements of a row and the next row, which is zero unless `below`.
HEWN_INLINE vi load_paired(const BFloat16* p, int64_t ld, bool below, int64_t n) {
  if (n >= W && below) return paired(load(p), load(p + ld));
  const auto some = static_cast<__mmask16>((1u << (n < W ? n : W)) - 1);
  const auto row = [&](const BFloat16* at) {
    return as_float(upper_halves(_mm256_maskz_loadu_epi16(some, at)));
  };
  return paired(row(p), below ? row(p + ld) : vf{});
}

/// A register of up to 16 rows whose terms are adjacent in memory; rows are ld apart.
HEWN_INLINE void pack_straight(int64_t rows, int64_t terms, const BFloat16* from, int64_t ld, BFloat16* to) {
#pragma GCC unroll 4
  for (int64_t i = 0; i < 16; ++i)
    store_terms(to + i * 2 * W, i < rows ? load_terms(from + i * ld, terms) : vi{});
}

/// A register whose rows are pairs of terms of up to 16 columns; in memory, terms are rows, ld apart.
HEWN_INLINE void pack_pairs(int64_t cols, int64_t terms, const BFloat16* from, int64_t ld, BFloat16* to) {
#pragma GCC unroll 4
  for (int64_t p = 0; p < 16; ++p)
    store_terms(to + p * 2 * W,
                2 * p < terms ? load_paired(from + 2 * p * ld, ld, 2 * p + 1 < terms, cols) : vi{});
}

/// The same with a transposition: terms stored as rows become rows of adjacent terms, and rows of adjacent
/// terms become rows of pairs of terms.
HEWN_INLINE void pack_transposed(bool terms_in_rows, int64_t count, int64_t terms, const BFloat16* from,
                                 int64_t ld, BFloat16* to) {
  vi rows[W];
  if (terms_in_rows) {
#pragma GCC unroll 16
    for (int p = 0; p < W; ++p)
      rows[p] = 2 * p < terms ? load_paired(from + 2 * p * ld, ld, 2 * p + 1 < terms, count) : vi{};
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) rows[i] = i < count ? load_terms(from + i * ld, terms) : vi{};
  }
  transpose<W>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < W; ++i) store_terms(to + i * 2 * W, rows[i]);
}

/// A strip of A, up to 32 rows: [terms / 32, 2, 16, 32].
[[maybe_unused]] __attribute__((noinline)) void pack_strip(bool trans, int64_t rows, int64_t terms,
                                                           const BFloat16* a, int64_t lda, BFloat16* to) {
  for (int64_t k = 0; k < terms; k += square_terms) {
    for (int64_t i = 0; i < square_side; i += 16, to += register_elements) {
      if (i >= rows) continue;
      if (trans)
        pack_transposed(true, rows - i, terms - k, a + k * lda + i, lda, to);
      else
        pack_straight(rows - i, terms - k, a + i * lda + k, lda, to);
    }
  }
}

/// A block of B, [cols / 32, terms / 32, 2, 16, 16, 2].
__attribute__((noinline)) void pack_block(bool trans, int64_t cols, int64_t terms, const BFloat16* b,
                                          int64_t ldb, BFloat16* to) {
  const int64_t steps = blocks_of(terms, square_terms);
  const auto place = [&](int64_t j, int64_t k) {
    return to + (j / square_side * steps + k / square_terms) * 2 * register_elements +
           j % square_side * square_terms;
  };
  if (trans) {  // in memory order, row by row
    for (int64_t j = 0; j < cols; j += 16)
      for (int64_t k = 0; k < terms; k += square_terms)
        pack_transposed(false, cols - j, terms - k, b + j * ldb + k, ldb, place(j, k));
  } else {
    for (int64_t k = 0; k < terms; k += square_terms)
      for (int64_t j = 0; j < cols; j += 16)
        pack_pairs(cols - j, terms - k, b + k * ldb + j, ldb, place(j, k));
  }
}

}  // namespace
}  // namespace hewn
