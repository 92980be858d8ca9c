#pragma once
// How a product of bf16 matrices is divided for AMX tile registers, and the scratch this requires.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/cpu/blocks.h"

namespace hewn {
namespace {

/// C is computed in squares of 2 x 2 registers of 16 x 16 sums; a register of A or B holds 32 terms of 16
/// rows or columns.
constexpr int64_t square_side = 32, square_terms = 32;
/// A block of B fills half of a second-level cache of 1 MiB.
constexpr int64_t square_block_bytes = 512 << 10;
/// A strip of A, 32 rows of at most this many terms, stays in a first-level cache along with streamed data.
constexpr int64_t square_most_terms = 512;

/// Terms of a block along K, in whole registers. Sums continue in C from block to block, which
/// requires a float32 C.
[[maybe_unused]] constexpr int64_t square_block_terms(const Matmul& m) {
  const int64_t most = m.bf16_c ? m.K : square_most_terms;
  const int64_t blocks = m.K > most ? (m.K + most - 1) / most : 1;
  const int64_t terms = (m.K + blocks - 1) / blocks;
  return (terms + square_terms - 1) / square_terms * square_terms;
}

/// Columns for a block of B, in whole squares: divides the rectangle's columns into as few and as equal
/// blocks as fit.
[[maybe_unused]] constexpr int64_t square_block_cols(int64_t terms, int64_t cols) {
  const int64_t fit = square_block_bytes / (2 * square_side * (terms > 0 ? terms : square_terms));
  const int64_t most = fit > 0 ? fit : 1, all = (cols + square_side - 1) / square_side;
  const int64_t blocks = (all + most - 1) / most;
  return (all + blocks - 1) / blocks * square_side;
}

/// One worker's scratch in bytes: a strip of A, and a block of B.
struct SquareScratch {
  int64_t a, b;
  int64_t bytes() const { return a + b; }
};
[[maybe_unused]] SquareScratch square_scratch(const Matmul& m) {
  const int64_t panel = 2 * square_side * square_block_terms(m);
  return {panel, panel > square_block_bytes ? panel : square_block_bytes};
}

}  // namespace
}  // namespace hewn
