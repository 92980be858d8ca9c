#pragma once
// Which block computes which part of the product, for all kernels that divide C into tiles.

#include "kernels/gpu/simt/simt.h"
#include "kernels/matmul/gpu/gpu_plan.h"

namespace hewn {
namespace {

struct TilePlace {
  int m, n, split, batch;
};

/// Eight rows of tiles at a time, column by column: concurrent blocks read few rows of A and few columns of
/// B, which the second-level cache then holds.
__host__ __device__ constexpr TilePlace place_of(const TileGrid& g, int block) {
  constexpr int band_rows = 8;
  const int tiles = g.tiles_m * g.tiles_n, tile = block % tiles, rest = block / tiles;
  const int first = tile / (band_rows * g.tiles_n) * band_rows, in_band = tile - first * g.tiles_n;
  const int rows = g.tiles_m - first < band_rows ? g.tiles_m - first : band_rows;
  return {first + in_band % rows, in_band / rows, rest % g.splits, rest / g.splits};
}

/// The tiles of the kernel without shared memory, 8 x 32 elements of each matrix of a batch, counted in one
/// dimension of the grid: the other dimensions end at 65535, which attention composed of products exceeds.
struct PlainTiles {
  static constexpr int rows = 8, cols = 32;
  int64_t tiles_m, tiles_n, batch;
  __host__ __device__ constexpr int64_t count() const { return tiles_m * tiles_n * batch; }
};
constexpr PlainTiles plain_tiles(const Matmul& m) {
  return {pieces_of(m.M, PlainTiles::rows), pieces_of(m.N, PlainTiles::cols), m.outer * m.inner};
}
/// The first row and column of a tile, and its matrix.
struct PlainPlace {
  int64_t row, col;
  int batch;
};
__host__ __device__ constexpr PlainPlace place_of(const PlainTiles& g, int64_t tile) {
  return {tile / g.tiles_n % g.tiles_m * PlainTiles::rows, tile % g.tiles_n * PlainTiles::cols,
          static_cast<int>(tile / g.tiles_n / g.tiles_m)};
}

/// Distance in elements from the first matrix of a batch to this one.
__host__ __device__ constexpr int64_t offset_of(const MatmulStep& step, const Matmul& m, int batch) {
  const int inner = static_cast<int>(m.inner);
  return batch / inner * step.outer + batch % inner * step.inner;
}

/// Whether rows of an operand can be read, or rows of C written, sixteen bytes at a time.
struct Wide {
  bool a, b, c;
};

/// The operands of a block for its tile of C: up to K terms of the rows of op(A) and the columns of op(B),
/// with the numbers of rows and columns left from here on. Elements are of type T.
template <class T>
struct TileOperands {
  const T *a, *b;
  int64_t rows_left, cols_left;
  int K;
};
template <class Tile, bool trans_a, bool trans_b, class T>
__device__ __forceinline__ TileOperands<T> operands_of(const Matmul& m, const TileGrid& grid,
                                                       const TilePlace& place) {
  const int64_t i0 = int64_t{place.m} * Tile::rows, j0 = int64_t{place.n} * Tile::cols;
  const int64_t k0 = place.split * grid.split_depth;
  return {static_cast<const T*>(m.a) + offset_of(m.a_step, m, place.batch) +
              (trans_a ? k0 * m.lda + i0 : i0 * m.lda + k0),
          static_cast<const T*>(m.b) + offset_of(m.b_step, m, place.batch) +
              (trans_b ? j0 * m.ldb + k0 : k0 * m.ldb + j0),
          m.M - i0, m.N - j0, static_cast<int>(k0 + grid.split_depth < m.K ? grid.split_depth : m.K - k0)};
}

}  // namespace
}  // namespace hewn
