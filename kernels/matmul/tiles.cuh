#pragma once
// Which block makes which part of the product, in every kernel that cuts c into tiles.

#include "kernels/gpu/simt.h"
#include "kernels/matmul/gpu_plan.h"

namespace hewn {
namespace {

struct TilePlace {
  int m, n, split, batch;
};

/// Eight rows of tiles at a time, column by column: blocks that run together read few rows of a and few
/// columns of b, which the second-level cache then holds.
__host__ __device__ constexpr TilePlace place_of(const TileGrid& g, int block) {
  constexpr int band_rows = 8;
  const int tiles = g.tiles_m * g.tiles_n, tile = block % tiles, rest = block / tiles;
  const int first = tile / (band_rows * g.tiles_n) * band_rows, in_band = tile - first * g.tiles_n;
  const int rows = g.tiles_m - first < band_rows ? g.tiles_m - first : band_rows;
  return {first + in_band % rows, in_band / rows, rest % g.splits, rest / g.splits};
}

/// Elements from the first matrix of a batch to this one.
__host__ __device__ constexpr int64_t offset_of(const MatmulStep& step, const Matmul& m, int batch) {
  const int inner = static_cast<int>(m.inner);
  return batch / inner * step.outer + batch % inner * step.inner;
}

}  // namespace
}  // namespace hewn
