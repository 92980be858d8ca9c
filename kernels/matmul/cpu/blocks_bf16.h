#pragma once
// How a product of bfloat16 matrices is cut, and the scratch that needs. See blocks.h.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/cpu/blocks.h"

namespace hewn {
namespace {

/// The rows of a that are copied at a time, and the columns of a tile.
constexpr int64_t dot_most_rows = 16, dot_most_cols = 48;
/// The most columns in a block of b.
constexpr int64_t dot_block_cols = 1536;

/// Terms of a block along K: an even number. Sums go on in c from block to block, which takes a float32 c.
[[maybe_unused]] constexpr int64_t dot_block_terms(const Matmul& m) {
  const int64_t blocks = m.bf16_c ? 1 : k_blocks(m.K, 2);
  const int64_t terms = (m.K + blocks - 1) / blocks;
  return terms + terms % 2;
}

/// Whole panels of `panel` columns for a block of b.
[[maybe_unused]] constexpr int64_t dot_cols(int64_t terms, int64_t panel) {
  const int64_t cols = block_cols(block_bytes, terms, 2, panel), most = dot_block_cols / panel * panel;
  return cols < most ? cols : most;
}

/// Copies of a transposed a, for one block along K, are kept for all blocks of b if they are at most so many
/// bytes: lines that are a row of a apart cost more than reading the copies again.
constexpr int64_t most_kept = 8 << 20;
[[maybe_unused]] constexpr bool keeps_copies(const Matmul& m) {
  return m.trans_a && (m.M + dot_most_rows) * dot_block_terms(m) * 2 <= most_kept;
}

/// One worker's scratch: some rows of a, a block of b, a tile's rows of float32 sums.
struct DotScratch {
  int64_t a, b, sums;  // bytes, multiples of 64
  int64_t bytes() const { return a + b + sums; }
};
[[maybe_unused]] DotScratch dot_scratch(const Matmul& m) {
  const int64_t terms = dot_block_terms(m), panel = dot_most_cols * terms * 2;
  const auto whole_lines = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  const int64_t rows = dot_most_rows + (keeps_copies(m) ? m.M : 0);
  return {whole_lines(rows * terms * 2), whole_lines(panel > block_bytes ? panel : block_bytes),
          m.bf16_c ? dot_most_rows * dot_block_cols * 4 : 0};
}

}  // namespace
}  // namespace hewn
