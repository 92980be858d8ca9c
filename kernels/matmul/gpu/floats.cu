// The product in full float32, with every option: tiles of C in registers, four floats per load, the next
// tiles being copied while this one is multiplied.

#include "kernels/matmul/gpu/float_tiles.cuh"

namespace hewn {
namespace {

/// A block's tile of C, and how the lanes of a warp share its part of it.
template <const TileSize& size, const FloatLanes& lanes>
struct FloatTile {
  static constexpr TileSize block = size;
  static constexpr int rows = size.rows, cols = size.cols;
  static constexpr int depth = size.depth;  ///< terms in shared memory at a time
  static constexpr int stages = 3;          ///< stages: one is multiplied while two are being copied
  static constexpr int lanes_n = lanes.lanes_n(), parts_n = lanes.parts_n;
  static constexpr int warp_rows = 8 * lanes.lanes_m, warp_cols = 4 * lanes_n * parts_n;
  static constexpr int warps_m = rows / warp_rows, warps_n = cols / warp_cols;
  static constexpr int threads = 32 * warps_m * warps_n;
  static constexpr int blocks = size.resident;
  static_assert(blocks * threads == 512, "128 registers per thread");
  static constexpr int gap = floats_gap;
  struct Stage {
    float a[depth][rows + gap], b[depth][cols + gap];
  };
  static constexpr int staged_row = row_of_staged_fours(cols);
  static constexpr size_t pipeline = stages * sizeof(Stage), staged = sizeof(float) * rows * staged_row;
  static constexpr size_t shared_bytes = pipeline > staged ? pipeline : staged;

  struct Sums {
    float sum[8][4 * parts_n] = {};
    int row, col;  ///< the first row and column of the thread
    __device__ Sums() {
      const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
      const Element first = first_of_lane(lane, lanes_n);
      row = warp / warps_n * warp_rows + first.row;
      col = warp % warps_n * warp_cols + first.col;
    }
    __device__ __forceinline__ void add(const Stage& s) {
#pragma unroll 2  // with more, registers spill
      for (int k = 0; k < depth; ++k) {
        float a[8], b[4 * parts_n];
#pragma unroll
        for (int v = 0; v < 8; v += 4) {
          const float4 x = load_four(&s.a[k][row + v / 4 * (warp_rows / 2)]);
          a[v] = x.x, a[v + 1] = x.y, a[v + 2] = x.z, a[v + 3] = x.w;
        }
#pragma unroll
        for (int v = 0; v < 4 * parts_n; v += 4) {
          const float4 x = load_four(&s.b[k][col + v * lanes_n]);
          b[v] = x.x, b[v + 1] = x.y, b[v + 2] = x.z, b[v + 3] = x.w;
        }
#pragma unroll
        for (int y = 0; y < 8; ++y)
#pragma unroll
          for (int x = 0; x < 4 * parts_n; ++x) sum[y][x] = std::fma(a[y], b[x], sum[y][x]);
      }
    }
    __device__ __forceinline__ void put(float* to) const {
#pragma unroll
      for (int y = 0; y < 8; ++y)
#pragma unroll
        for (int x = 0; x < 4 * parts_n; x += 4)
          store_four(to + (row + y % 4 + y / 4 * (warp_rows / 2)) * staged_row + col + x * lanes_n,
                     {sum[y][x], sum[y][x + 1], sum[y][x + 2], sum[y][x + 3]});
    }
  };

  static_assert(rows % warp_rows == 0 && cols % warp_cols == 0);
  static_assert(gap % 4 == 0 && staged_row % 4 == 0, "four floats must be one load and one store");
  /// Registers for sums, and for the values of both operands that are multiplied next.
  static constexpr int values = 8 * 4 * parts_n + 8 + 4 * parts_n;
  static_assert(fits_everywhere({threads, blocks, values, shared_bytes + sizeof(TilePlace)}));
};

using Large = FloatTile<large_floats, large_float_lanes>;
using Small = FloatTile<small_floats, small_float_lanes>;

}  // namespace

template <>
void kernel<"cuda.floats", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  constexpr const char* name = "matmul_floats";
  takes_large(m, large_floats) ? multiply<Large>(on, m, name) : multiply<Small>(on, m, name);
}

}  // namespace hewn
