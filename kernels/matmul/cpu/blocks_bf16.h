#pragma once
// How a product of bf16 matrices is divided, and the scratch this requires. See blocks.h.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/cpu/blocks.h"

namespace hewn {
namespace {

/// The maximum numbers of rows of A that are copied at a time, and of columns of a tile.
constexpr int64_t dot_most_rows = 16, dot_most_cols = 48;
/// The maximum number of columns of a block of B.
constexpr int64_t dot_block_cols = 1536;

/// Terms of a block along K, an even number. Sums continue in C from block to block, which
/// requires a float32 C.
[[maybe_unused]] constexpr int64_t dot_block_terms(const Matmul& m) {
  const int64_t blocks = m.bf16_c ? 1 : k_blocks(m.K, 2);
  const int64_t terms = (m.K + blocks - 1) / blocks;
  return terms + terms % 2;
}

/// The number of columns of a block of B, in whole panels of `panel` columns.
[[maybe_unused]] constexpr int64_t dot_cols(int64_t terms, int64_t panel) {
  const int64_t cols = block_cols(block_bytes, terms, 2, panel), most = dot_block_cols / panel * panel;
  return cols < most ? cols : most;
}

/// Copies of a transposed A, for one block along K, are kept for all blocks of B if they have at most this
/// many bytes: reading lines that are a row of A apart costs more than reading the copies again.
constexpr int64_t most_kept = 8 << 20;
[[maybe_unused]] constexpr bool keeps_copies(const Matmul& m) {
  return m.trans_a && (m.M + dot_most_rows) * dot_block_terms(m) * 2 <= most_kept;
}

/// One worker's scratch: some rows of A, a block of B, a tile's rows of float32 sums.
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
