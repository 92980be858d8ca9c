#pragma once
// How GPU kernels divide a product among blocks. It is separate from the kernels because the scratch for
// pieces of K must be known without a GPU; it depends only on the product, as the order of sums must.

#include "kernels/matmul/abi.h"

namespace hewn {

/// The work of a block: rows x cols of C, `depth` terms of the sums at a time.
struct TileSize {
  int rows, cols, depth;
};

/// Tiles of C, times pieces of K, times matrices of the batch. The product of these fits in an int.
struct TileGrid {
  int tiles_m, tiles_n, splits, batch;
  int64_t split_depth;  ///< terms per piece of K; the last may have fewer
  constexpr int64_t blocks() const { return int64_t{tiles_m} * tiles_n * splits * batch; }
};

/// Concurrent blocks of a large GPU: two on each of 132 multiprocessors. It is a constant, and only a guess
/// for other GPUs, since the order of sums must not depend on the device.
inline constexpr int64_t blocks_at_once = 264;

constexpr int64_t pieces_of(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

/// The number of pieces of K if the tiles of C are too few to fill the device, as for gradients of weights:
/// the number that minimises the time in waves of blocks, where each piece is at least 512 deep and costs an
/// extra 2% for its memory traffic.
constexpr int splits_of(int64_t tiles, int64_t K) {
  int best = 1;
  double least = 0;
  for (int s = 1; s <= 16 && (s == 1 || s * int64_t{512} <= K); ++s) {
    const double time =
        static_cast<double>(pieces_of(tiles * s, blocks_at_once)) / s + (s > 1 ? 0.02 * s : 0);
    if (s > 1 && time >= least) continue;
    best = s;
    least = time;
  }
  return best;
}

/// The grid for tiles of this size.
constexpr TileGrid tile_grid(const Matmul& m, const TileSize& tile) {
  const int64_t tiles_m = pieces_of(m.M, tile.rows), tiles_n = pieces_of(m.N, tile.cols);
  const int64_t batch = m.outer * m.inner;
  const int splits = batch == 1 ? splits_of(tiles_m * tiles_n, m.K) : 1;
  const int64_t piece = pieces_of(pieces_of(m.K, splits), tile.depth) * tile.depth;
  return {static_cast<int>(tiles_m), static_cast<int>(tiles_n),
          piece == 0 ? 1 : static_cast<int>(pieces_of(m.K, piece)), static_cast<int>(batch), piece};
}

/// Scratch for the sums of the pieces: [splits, M, N] floats, none for one piece.
constexpr size_t split_bytes(const Matmul& m, const TileSize& tile) {
  const TileGrid g = tile_grid(m, tile);
  return g.splits == 1 ? 0 : static_cast<size_t>(g.splits * m.M * m.N) * sizeof(float);
}

/// Tile sizes for float32 and for bf16.
inline constexpr TileSize large_floats{128, 128, 16}, small_floats{64, 64, 16};
inline constexpr TileSize large_bf16{128, 128, 32}, small_bf16{64, 64, 32}, hopper_bf16{128, 128, 64};

/// Whether to use large tiles: they read less, but small ones occupy more multiprocessors.
constexpr bool takes_large(const Matmul& m, const TileSize& large) {
  return (m.M > 64 && m.N > 64 && m.K >= 4096) || tile_grid(m, large).blocks() >= 100;
}

/// Whether the tile kernels can use 32-bit counts for the elements of 128 memory rows, the
/// terms and the blocks.
constexpr bool gpu_tiles_reach(const Matmul& m) {
  constexpr int64_t most = 0x7fffffff;
  return m.lda < most / 256 && m.ldb < most / 256 && m.K < most / 2 &&
         pieces_of(m.M, 64) * pieces_of(m.N, 64) * m.outer * m.inner < most / 16;
}

/// Whether every row of a bf16 operand starts at a multiple of 16 bytes.
inline bool bf16_rows_are_wide(const void* data, int64_t ld, const MatmulStep& step) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && ld % 8 == 0 && step.outer % 8 == 0 &&
         step.inner % 8 == 0;
}

/// Up to this many rows, the time is that of reading B.
inline constexpr int64_t few_rows = 8;

}  // namespace hewn
