#pragma once
// How GPU kernels divide a product among blocks. It is separate from the kernels because the scratch for
// pieces of K must be known without a GPU; it depends only on the product, as the order of sums must.

#include "kernels/matmul/abi.h"

namespace hewn {

/// The work of a block: rows x cols of C, `depth` terms of the sums at a time. `resident` blocks share a
/// multiprocessor: the second argument of the kernel's __launch_bounds__.
struct TileSize {
  int rows, cols, depth, resident;
};

/// Tiles of C, times pieces of K, times matrices of the batch. The product of these fits in an int.
struct TileGrid {
  int tiles_m, tiles_n, splits, batch;
  int64_t split_depth;  ///< terms per piece of K; the last may have fewer
  int64_t piece_rows;   ///< of a piece's sums in scratch: those of C and, if required, one with the sums of B
  constexpr int64_t blocks() const { return int64_t{tiles_m} * tiles_n * splits * batch; }
};

constexpr int64_t pieces_of(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

/// K is split for an H100. The costs are constants, a guess for other GPUs, because the order of sums must
/// not depend on the device. They are estimates, not measurements. The unit of time is that of 128 x 128
/// multiply-adds on a busy multiprocessor, 11 ns at 400 TFLOP/s per GPU; in float32, which is slower, the
/// fixed costs weigh less than assumed.
struct SplitCosts {
  static constexpr int64_t multiprocessors = 132;
  /// How much faster a block runs alone on a multiprocessor than sharing it. Less than the number of blocks,
  /// because alone it waits for its own copies.
  static constexpr double alone = 1.5;
  /// To fill a block's stages and to store its sums: 4 us.
  static constexpr double per_block = 360;
  /// To launch the addition of the pieces: 3 us; and to read a piece of 128 x 128 sums there: 64 KiB at a
  /// multiprocessor's share of 3 TB/s.
  static constexpr double per_join = 270, per_piece = 260;
};

/// The time of `blocks` blocks of `depth` terms each. Multiprocessors are filled evenly, and blocks of the
/// same size end together, so blocks run in rounds; those of the last round share their multiprocessors with
/// fewer blocks.
constexpr double rounds_time(const TileSize& tile, int64_t blocks, double depth) {
  const double terms = depth * tile.rows * tile.cols / (128 * 128), least = tile.resident / SplitCosts::alone;
  const int64_t at_once = SplitCosts::multiprocessors * tile.resident;
  const auto round = [=](int64_t sharing) {  // blocks per multiprocessor
    const auto all = static_cast<double>(sharing);
    return terms * (all > least ? all : least) + SplitCosts::per_block;
  };
  const int64_t last = blocks % at_once;
  return static_cast<double>(blocks / at_once) * round(tile.resident) +
         (last > 0 ? round(pieces_of(last, SplitCosts::multiprocessors)) : 0);
}

/// The time of `tiles` tiles of C whose K is divided into `splits` pieces.
constexpr double splits_time(const TileSize& tile, int64_t tiles, int64_t K, int splits) {
  const double time = rounds_time(tile, tiles * splits, static_cast<double>(K) / splits);
  if (splits == 1) return time;
  const double elements = static_cast<double>(tiles) * tile.rows * tile.cols;
  return time + SplitCosts::per_join +
         SplitCosts::per_piece * splits * elements / (128 * 128 * SplitCosts::multiprocessors);
}

/// The number of pieces of K, each at least 512 deep, that takes the least time; more pieces, which need more
/// scratch, only if they save 3%. Many tiles fill a device evenly without splitting, so K is split only if C
/// has fewer than 2^31 elements.
constexpr int splits_of(const TileSize& tile, int64_t tiles, int64_t K) {
  int best = 1;
  if (tiles > 1 << 15) return best;
  double least = splits_time(tile, tiles, K, 1);
  for (int s = 2; s <= 16 && s * int64_t{512} <= K; ++s) {
    const double time = splits_time(tile, tiles, K, s);
    if (time >= 0.97 * least) continue;
    best = s;
    least = time;
  }
  return best;
}

/// The grid for tiles of this size.
constexpr TileGrid tile_grid(const Matmul& m, const TileSize& tile) {
  const int64_t tiles_m = pieces_of(m.M, tile.rows), tiles_n = pieces_of(m.N, tile.cols);
  const int64_t batch = m.outer * m.inner;
  const int splits = batch == 1 ? splits_of(tile, tiles_m * tiles_n, m.K) : 1;
  const int64_t piece = pieces_of(pieces_of(m.K, splits), tile.depth) * tile.depth;
  return {static_cast<int>(tiles_m),
          static_cast<int>(tiles_n),
          piece == 0 ? 1 : static_cast<int>(pieces_of(m.K, piece)),
          static_cast<int>(batch),
          piece,
          m.M + (m.b_sums ? 1 : 0)};
}

/// Scratch for the sums of the pieces: [splits, piece_rows, N] floats, none for one piece.
constexpr size_t split_bytes(const Matmul& m, const TileSize& tile) {
  const TileGrid g = tile_grid(m, tile);
  return g.splits == 1 ? 0 : static_cast<size_t>(g.splits * g.piece_rows * m.N) * sizeof(float);
}

/// Tile sizes for float32 and for bf16.
inline constexpr TileSize large_floats{128, 128, 16, 2}, small_floats{64, 64, 16, 4};
inline constexpr TileSize large_bf16{128, 128, 32, 2}, small_bf16{64, 64, 32, 4};
inline constexpr TileSize hopper_bf16{128, 128, 64, 2};

/// Whether to use large tiles: they read less, but small ones occupy more multiprocessors.
constexpr bool takes_large(const Matmul& m, const TileSize& large) {
  return (m.M > 64 && m.N > 64 && m.K >= 4096) || tile_grid(m, large).blocks() >= 100;
}

/// Whether 32-bit counts suffice in the tile kernels for the elements of 128 memory rows, the terms and the
/// blocks.
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

/// With at most this many rows, the product is memory-bound: it reads all of B.
inline constexpr int64_t few_rows = 8;

}  // namespace hewn
