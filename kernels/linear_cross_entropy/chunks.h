#pragma once
// How linear_cross_entropy divides rows, so that the logits of a whole batch need not exist.

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hewn {

/// Chunks of rows, of equal size; the last may have fewer rows.
struct Chunks {
  int64_t rows, per_chunk;

  bool one() const { return per_chunk >= rows; }
  /// Calls body(first row, number of rows) for each chunk.
  template <class Body>
  void each(const Body& body) const {
    for (int64_t r = 0; r < rows; r += per_chunk) body(r, std::min(per_chunk, rows - r));
  }
};

/// As few chunks as possible of at most `most` rows, of nearly equal size: a multiple of `unit`, which divides
/// `most`.
constexpr Chunks chunks_of(int64_t rows, int64_t most, int64_t unit = 1) {
  const int64_t count = (rows + most - 1) / most, even = (rows + count - 1) / count;
  return {rows, std::min(rows, (even + unit - 1) / unit * unit)};
}

/// Chunks whose logits, `row_bytes` per row, take at most `bytes`; at least one row per chunk.
constexpr Chunks chunks_within(size_t bytes, int64_t rows, int64_t row_bytes) {
  return chunks_of(rows, std::max<int64_t>(1, static_cast<int64_t>(bytes) / row_bytes));
}

/// The limit for the logits of a chunk on a CPU, in bytes.
inline constexpr size_t cpu_logits_bytes = size_t{64} << 20;

/// On a GPU the logits of a chunk take up to a sixteenth of its memory. Every additional chunk updates the
/// gradient of the whole weight, and products of few rows do not fill the GPU. So a chunk has whole tiles of
/// rows, and at least 4096 rows even on a GPU with little memory.
constexpr Chunks chunks_on_gpu(size_t memory_bytes, int64_t rows, int64_t row_bytes) {
  constexpr int64_t tile = 128, least = 4096;
  const int64_t most = static_cast<int64_t>(memory_bytes / 16) / row_bytes / tile * tile;
  return chunks_of(rows, std::max(least, most), tile);
}

}  // namespace hewn
