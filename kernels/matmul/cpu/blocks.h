#pragma once
// How the work is split. The namespace is anonymous because a constexpr function that is not inlined would
// become a weak symbol compiled for one instruction set.

#include <cstddef>
#include <cstdint>

#include "kernels/matmul/abi.h"

namespace hewn {
namespace {

/// A block of B fills less than half of a second-level cache of 1 MiB, the minimum on processors with 512-bit
/// vectors, or of 2 MiB; with shorter vectors, a quarter of a cache of 512 KiB.
constexpr int64_t block_bytes = 384 << 10, large_block_bytes = 768 << 10, small_block_bytes = 128 << 10;
/// A tile's rows of A, 8 x k_bytes, fit in a first-level cache of 32 KiB along with streamed data.
constexpr int64_t k_bytes = 3 << 10;
/// A block, or a single panel of the longest k.
constexpr int64_t scratch_of_b = large_block_bytes + (64 << 10);
/// Maximum size in bytes of the strips of an A that is transposed or widened.
constexpr int64_t most_of_a = 4 << 20;

/// The maximum number of rows of A that are multiplied without tiles (skinny.h); for more rows, tiles are faster
/// wherever B is in a cache.
constexpr int64_t skinny_rows = 4;
[[maybe_unused]] constexpr bool is_skinny(int64_t M) { return M <= skinny_rows; }
/// The sums fit in a second-level cache along with streamed data. The longer the pieces of B's rows, the less
/// often a stream restarts: on a Genoa, 1 to 4 rows times the head of GPT-2 took up to a third longer with
/// sums of 32 KiB.
constexpr int64_t skinny_sums = 256 << 10;

/// The number of blocks along K; it determines the order of sums.
[[maybe_unused]] constexpr int64_t k_blocks(int64_t K, size_t element) {
  const int64_t most = k_bytes / static_cast<int64_t>(element);
  return K <= most ? 1 : (K + most - 1) / most;
}

/// Terms of one of these blocks; the last may have fewer.
[[maybe_unused]] constexpr int64_t block_terms(int64_t K, size_t element) {
  const int64_t blocks = k_blocks(K, element);
  return (K + blocks - 1) / blocks;
}

/// Columns of B in a block of kc rows and `bytes` bytes: whole panels, at least one.
[[maybe_unused]] constexpr int64_t block_cols(int64_t bytes, int64_t kc, size_t element, int64_t panel) {
  const int64_t row = panel * static_cast<int64_t>(element) * (kc > 0 ? kc : 1);
  const int64_t panels = bytes / row;
  return (panels > 0 ? panels : 1) * panel;
}

/// Bytes from one strip of `rows` rows of A to the next: whole pages plus one line, so that equal positions
/// in many strips do not compete for one cache set.
[[maybe_unused]] constexpr int64_t strip_bytes(int64_t kc, size_t element, int64_t rows) {
  constexpr int64_t page = 4096;
  return (kc * rows * static_cast<int64_t>(element) + page - 1) / page * page + 64;
}

/// The number of rows of A that are in strips at a time, for blocks of kc.
[[maybe_unused]] constexpr int64_t rows_of_strips(int64_t kc, size_t element, int64_t rows) {
  return most_of_a / strip_bytes(kc, element, rows) * rows;
}

/// One worker's scratch, in bytes: a block of B, strips of A, float32 sums for all of a bf16 C.
struct TileScratch {
  int64_t a, sums;
  int64_t bytes() const { return scratch_of_b + a + sums; }
};
[[maybe_unused]] TileScratch tile_scratch(const Matmul& m) {
  const size_t element = m.dtype == DType::f64 ? 8 : 4;  // bf16 is widened
  const int64_t kc = block_terms(m.K, element);
  // Tiles of every instruction set have 4 to 8 rows: this is an upper bound for all of them.
  const int64_t strips =
      (m.M + 7) * kc * static_cast<int64_t>(element) + (m.M + 3) / 4 * strip_bytes(4096, 1, 1);
  const auto whole_lines = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  const bool in_strips = m.trans_a || m.dtype == DType::bf16;
  return {!in_strips           ? 0
          : strips < most_of_a ? whole_lines(strips)
                               : most_of_a,
          m.bf16_c ? whole_lines(m.M * m.N * 4) : 0};
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// Every product is divided into rows * cols rectangles.
struct Split {
  int64_t rows, cols;
};

/// The division among threads that minimises the largest rectangle; among equals, the one closest to squares,
/// which reads the least. Results do not depend on it.
[[maybe_unused]] Split split_for(int64_t products, int64_t row_tiles, int64_t tile_rows, int64_t col_tiles,
                                 int64_t tile_cols, int threads) {
  if (threads <= 1 || products >= 4 * threads) return {1, 1};
  Split best{1, 1};
  double least = 0;
  for (int64_t rows = 1; rows <= threads; ++rows) {
    const int64_t cols = threads / rows;
    if (rows * cols != threads) continue;
    const auto r = static_cast<double>((row_tiles + rows - 1) / rows * tile_rows);
    const auto c = static_cast<double>((col_tiles + cols - 1) / cols * tile_cols);
    const double cost = r * c * (1 + 1e-6 * (r + c));
    if (least == 0 || cost < least) least = cost, best = {rows, cols};
  }
  return best;
}

}  // namespace
}  // namespace hewn
