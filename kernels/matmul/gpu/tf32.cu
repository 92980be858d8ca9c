// The product of float32 on tensor cores: operands are rounded to TF32, 10 bits of mantissa and
// float32's exponents, on their way from shared memory to registers; sums are float32. Used only if the
// caller permits TF32.

#include "kernels/matmul/gpu/float_tiles.cuh"

namespace hewn {
namespace {

/// A block's tile of C, a quarter for each of four warps.
template <const TileSize& size>
struct Tf32Tile {
  static constexpr TileSize block = size;
  static constexpr int rows = size.rows, cols = size.cols, depth = size.depth, stages = 4;
  static constexpr int warps_m = 2, warps_n = 2, threads = 32 * warps_m * warps_n;
  static constexpr int warp_rows = rows / warps_m, warp_cols = cols / warps_n;
  static constexpr int blocks = size.resident;
  static constexpr int gap = tf32_gap;
  struct Stage {
    float a[depth][rows + gap], b[depth][cols + gap];
  };
  static constexpr int staged_row = row_of_staged_pairs(cols);
  static constexpr size_t pipeline = stages * sizeof(Stage), staged = sizeof(float) * rows * staged_row;
  static constexpr size_t shared_bytes = pipeline > staged ? pipeline : staged;

  struct Sums {
    float sum[warp_rows / 16][warp_cols / 8][4] = {};
    __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
    __device__ static int row() { return static_cast<int>(threadIdx.x) / 32 / warps_n * warp_rows; }
    __device__ static int col() { return static_cast<int>(threadIdx.x) / 32 % warps_n * warp_cols; }

    __device__ __forceinline__ void add(const Stage& s) {
#pragma unroll
      for (int k = 0; k < depth; k += 8) {
        uint32_t a[warp_rows / 16][4], b[warp_cols / 8][2];
#pragma unroll
        for (int y = 0; y < warp_rows / 16; ++y)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const Element e = place_in_tf32_a(lane(), i);
            a[y][i] = to_tf32(s.a[k + e.col][row() + 16 * y + e.row]);
          }
#pragma unroll
        for (int x = 0; x < warp_cols / 8; ++x)
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const Element e = place_in_tf32_b(lane(), i);
            b[x][i] = to_tf32(s.b[k + e.row][col() + 8 * x + e.col]);
          }
#pragma unroll
        for (int y = 0; y < warp_rows / 16; ++y)
#pragma unroll
          for (int x = 0; x < warp_cols / 8; ++x) mma_tf32(sum[y][x], a[y], b[x]);
      }
    }
    __device__ __forceinline__ void put(float* to) const {
#pragma unroll
      for (int y = 0; y < warp_rows / 16; ++y)
#pragma unroll
        for (int x = 0; x < warp_cols / 8; ++x)
#pragma unroll
          for (int i = 0; i < 4; i += 2) {
            const Element e = place_in_c(lane(), i);
            vector_at<float2>(to + (row() + 16 * y + e.row) * staged_row + col() + 8 * x + e.col) = {
                sum[y][x][i], sum[y][x][i + 1]};
          }
    }
  };

  static_assert(warp_rows % 16 == 0 && warp_cols % 8 == 0 && depth % 8 == 0);
  static_assert(gap % 4 == 0, "four floats must be one copy");
  /// Registers for sums, and for fragments of both operands.
  static constexpr int values = warp_rows * warp_cols / 32 + warp_rows / 16 * 4 + warp_cols / 8 * 2;
  static_assert(fits_everywhere({threads, blocks, values, shared_bytes + sizeof(TilePlace)}));
};

using Large = Tf32Tile<large_floats>;
using Small = Tf32Tile<small_floats>;

}  // namespace

template <>
void kernel<"cuda.tf32", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  constexpr const char* name = "matmul_tf32";
  takes_large(m, large_floats) ? multiply<Large>(on, m, name) : multiply<Small>(on, m, name);
}

}  // namespace hewn
