#pragma once
// How a product of bfloat16 matrices is cut for registers that hold tiles, and the scratch that needs.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/cpu/blocks.h"

namespace hewn {
namespace {

/// c is computed in squares of 2 x 2 registers of 16 x 16 sums; a register of a or of b holds 32 terms of 16
/// rows or columns.
constexpr int64_t square_side = 32, square_terms = 32;
/// A block of b fills half of a second-level cache of 1 MiB.
constexpr int64_t square_block_bytes = 512 << 10;
/// A strip of a, 32 rows of so many terms, stays in a first-level cache beside what streams through.
constexpr int64_t square_most_terms = 512;

/// Terms of a block along K, in whole registers. Sums go on in c from block to block, which takes a float32
/// c.
[[maybe_unused]] constexpr int64_t square_block_terms(const Matmul& m) {
  const int64_t most = m.bf16_c ? m.K : square_most_terms;
  const int64_t blocks = m.K > most ? (m.K + most - 1) / most : 1;
  const int64_t terms = (m.K + blocks - 1) / blocks;
  return (terms + square_terms - 1) / square_terms * square_terms;
}

/// Columns for a block of b, in whole squares: the rectangle's in as few and as equal blocks as fit.
[[maybe_unused]] constexpr int64_t square_block_cols(int64_t terms, int64_t cols) {
  const int64_t fit = square_block_bytes / (2 * square_side * (terms > 0 ? terms : square_terms));
  const int64_t most = fit > 0 ? fit : 1, all = (cols + square_side - 1) / square_side;
  const int64_t blocks = (all + most - 1) / most;
  return (all + blocks - 1) / blocks * square_side;
}

/// One worker's scratch in bytes: a strip of a, and a block of b.
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
