#pragma once
// How attention of few queries divides keys among blocks. It is separate from the kernels because its scratch
// must be known without a GPU; it depends only on sizes, as the order of sums must.

#include <algorithm>

#include "kernels/attention/abi.h"

namespace hewn {

/// The widest heads of the rungs that keep tiles on chip.
inline constexpr int64_t most_tiled_width = 128;

/// With at most this many queries, attention is memory-bound: it reads all keys and values.
inline constexpr int64_t few_queries = 8;

/// A row is a query of one head. A block computes up to this many rows that read the same head of keys, so
/// that it reads each key once for all of them.
inline constexpr int64_t most_shared_rows = 8;

/// The number of rows that read the same head of keys, and the number of groups of rows, one per block, over
/// all heads.
constexpr int64_t rows_per_key_head(const AttentionSizes& a) { return a.H / a.Hkv * a.Tq; }
constexpr int64_t row_groups(const AttentionSizes& a) {
  return a.B * a.Hkv * ((rows_per_key_head(a) + most_shared_rows - 1) / most_shared_rows);
}

/// The maximum number of pieces of keys: twice the lanes of a warp, since one warp joins them.
inline constexpr int64_t most_key_splits = 64;

/// The number of pieces into which a head's keys are divided, one per block and group of rows. Enough blocks
/// for three on each multiprocessor of an H100 (another GPU must add in the same order), but at least 64
/// keys for each. These are estimates; none is measured.
constexpr int64_t key_splits(const AttentionSizes& a) {
  constexpr int64_t blocks = 3 * 132, least_keys = 64;
  const int64_t held = a.position ? a.capacity : a.Tk,
                keys = std::min(held, a.window + a.Tq - 1);  // that some query attends to
  return std::clamp<int64_t>(std::min(blocks / row_groups(a), keys / least_keys), 1, most_key_splits);
}

/// Scratch for the results of the pieces, none for one piece: for each row and piece, D weighted sums, the
/// maximum and the sum of exponentials, in floats.
constexpr size_t key_split_bytes(const AttentionSizes& a) {
  const int64_t splits = key_splits(a);
  return splits == 1 ? 0 : static_cast<size_t>(a.B * a.H * a.Tq * splits * (a.D + 2)) * sizeof(float);
}

}  // namespace hewn
