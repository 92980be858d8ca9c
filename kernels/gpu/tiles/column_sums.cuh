#pragma once
// Sums down the columns of a matrix whose rows are spread over a fixed number of blocks
// (row_limits.h), without atomic additions: every block writes its partial sums, and a second kernel
// adds them in block order.

#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

/// Resident blocks per multiprocessor for a kernel whose threads keep up to four row parts in registers, two
/// of them sums, and a fifth in its memory format: limited by registers.
template <class S>
constexpr int column_sums_resident = S::threads > 32 ? 512 / S::threads : S::V* S::packs > 16 ? 2 : 3;
template <class S>
constexpr bool column_sums_fit = fits_everywhere({S::block, column_sums_resident<S>,
                                                  (S::V == 1 ? 4 : 5) * S::V* S::packs,
                                                  sizeof(float) * S::V* S::packs* S::threads});

/// Adds the teams' parts of a row of sums, team by team, into to[0 .. cols).
template <class S>
__device__ __forceinline__ void store_team_sums(const Held<S>& sums, float* to, int cols) {
  struct Row {
    float of[S::V * S::packs * S::threads];
  };
  if constexpr (S::per_block > 1) {
    Row& row = shared_memory<Row>();
    for (int turn = 0; turn < S::per_block; ++turn) {
      __syncthreads();
      if (static_cast<int>(threadIdx.x) / S::threads != turn) continue;
      for_packs<S>(cols, [&](int k, int i) {
        for (int v = 0; v < S::V; ++v)
          row.of[i + v] = turn == 0 ? sums.pack[k].at[v] : row.of[i + v] + sums.pack[k].at[v];
      });
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < cols; i += S::block) to[i] = row.of[i];
    __syncthreads();  // the next sums use the same memory
  } else {
    for_packs<S>(cols, [&](int k, int i) {
      for (int v = 0; v < S::V; ++v) to[i + v] = sums.pack[k].at[v];
    });
  }
}

/// 32 columns by 8 groups; group g adds rows g, g + 8, ...
struct ColumnGroups {
  float of[8][32];
};

__global__ void __launch_bounds__(256, blocks_with(256, 32))
    column_sums(const float* rows, int64_t n, int64_t stride, int64_t cols, float* to, Write how) {
  ColumnGroups& groups = shared_memory<ColumnGroups>();
  const int lane = static_cast<int>(threadIdx.x % 32), group = static_cast<int>(threadIdx.x / 32);
  const int64_t column = int64_t{blockIdx.x} * 32 + lane;
  float sum = 0;
  if (column < cols)
    for (int64_t r = group; r < n; r += 8) sum += rows[r * stride + column];
  groups.of[group][lane] = sum;
  __syncthreads();
  if (group != 0 || column >= cols) return;
  for (int g = 1; g < 8; ++g) sum += groups.of[g][lane];
  write(to + column, sum, how);
}

/// to[i] (set or add) the sum of rows[b * stride + i] over b < n, for i < cols.
inline void add_column_sums(const Launch& on, const float* rows, int64_t n, int64_t stride, int64_t cols,
                            float* to, Write how) {
  launch(on, "column_sums", {blocks_for(cols, 32), 256}, column_sums, rows, n, stride, cols, to, how);
}

}  // namespace
}  // namespace hewn
