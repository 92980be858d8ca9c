// The product in true float32, for every option: tiles of c in registers, four floats a load, the next tiles
// on their way while this one is multiplied.

#include "kernels/matmul/float_tiles.cuh"

namespace hewn {
namespace {

/// A block's tile of c. A warp has lanes_m x lanes_n threads. A thread makes 8 rows, 4 and then 4 more half
/// the warp's rows below, by 4 columns in each of `parts_n` parts of the warp's columns: so the 16 bytes that
/// neighbours read from shared memory lie next to each other.
template <const TileSize& size, int lanes_m_, int parts_n_>
struct FloatTile {
  static constexpr int rows = size.rows, cols = size.cols;
  static constexpr int depth = size.depth;  ///< terms in shared memory at a time
  static constexpr int stages = 3;          ///< such pieces: one is multiplied, two are on their way
  static constexpr int lanes_m = lanes_m_, lanes_n = 32 / lanes_m, parts_n = parts_n_;
  static constexpr int warp_rows = 8 * lanes_m, warp_cols = 4 * lanes_n * parts_n;
  static constexpr int warps_m = rows / warp_rows, warps_n = cols / warp_cols;
  static constexpr int threads = 32 * warps_m * warps_n;
  static constexpr int blocks = 512 / threads;  ///< of a multiprocessor: 128 registers for each thread
  /// Floats between rows of a stage: threads that turn an operand write eight terms of four rows, all banks
  /// once.
  static constexpr int gap = 4;
  struct Stage {
    float a[depth][rows + gap], b[depth][cols + gap];
  };
  /// Floats from row to row of the staged sums: four more, so that rows four apart are in different banks.
  static constexpr int staged_row = cols + 4;
  static constexpr size_t pipeline = stages * sizeof(Stage), staged = sizeof(float) * rows * staged_row;
  static constexpr size_t shared_bytes = pipeline > staged ? pipeline : staged;

  struct Sums {
    float sum[8][4 * parts_n] = {};
    int row, col;  ///< the thread's first
    __device__ Sums() {
      const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
      row = warp / warps_n * warp_rows + lane / lanes_n * 4;
      col = warp % warps_n * warp_cols + lane % lanes_n * 4;
    }
    __device__ __forceinline__ void add(const Stage& s) {
#pragma unroll 2  // more at a time, and their registers spill
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
  static_assert(gap % 4 == 0 && staged_row % 4 == 0, "four floats are loaded and stored at once");
  /// Sums, and what of both operands they are made of next.
  static constexpr int values = 8 * 4 * parts_n + 8 + 4 * parts_n;
  static_assert(fits_everywhere({threads, blocks, values, shared_bytes + sizeof(TilePlace)}));
};

using Large = FloatTile<large_floats, 8, 2>;
using Small = FloatTile<small_floats, 4, 1>;

}  // namespace

template <>
void matmul_gpu_floats<Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  constexpr const char* name = "matmul_floats";
  takes_large(m, large_floats) ? multiply<Large>(on, m, name) : multiply<Small>(on, m, name);
}

}  // namespace hewn
