// bf16 products on tensor cores, summed in float32: tiles are copied to shared memory several stages ahead,
// in pieces of 16 bytes, laid out so that neither writes nor reads have bank conflicts; a warp multiplies 16
// x 8 x 16 at a time.

#include "kernels/matmul/abi.h"
#include "kernels/matmul/gpu/epilogue.cuh"
#include "kernels/matmul/gpu/layout.cuh"

namespace hewn {
namespace {

/// A block's tile of C, divided into as many equal parts as it has warps.
template <const TileSize& size, int warps_m_, int warps_n_, int stages_>
struct TensorTile {
  static constexpr TileSize block = size;
  static constexpr int rows = size.rows, cols = size.cols;
  static constexpr int depth = size.depth;  ///< terms in shared memory at a time
  static constexpr int stages = stages_;    ///< stages: one is multiplied while the others are being copied
  static constexpr int warps_m = warps_m_, warps_n = warps_n_, threads = 32 * warps_m * warps_n;
  static constexpr int warp_rows = rows / warps_m, warp_cols = cols / warps_n;
  static constexpr int blocks = size.resident;
  struct Stage {
    bf16 a[rows * depth], b[cols * depth];
  };
  static constexpr int staged_row = row_of_staged_pairs(cols);
  static constexpr size_t pipeline = stages * sizeof(Stage), sums = sizeof(float) * rows * staged_row;
  static constexpr size_t shared_bytes = pipeline > sums ? pipeline : sums;

  static_assert(warp_rows % 16 == 0 && warp_cols % 16 == 0 && depth % 16 == 0);
  /// Registers for sums, and for fragments of both operands.
  static constexpr int values = warp_rows * warp_cols / 32 + warp_rows / 16 * 4 + warp_cols / 8 * 2;
  static_assert(fits_everywhere({threads, blocks, values, shared_bytes + sizeof(TilePlace)}));
};

/// The position, in pieces of 16 bytes, of a piece of a memory row of an operand in a stage.
template <class Tile, int span, bool along>
__device__ __forceinline__ int piece_at(int row, int piece) {
  return swizzled<(along ? span : Tile::depth) / 8>(row, piece);
}

/// One thread's part in copying A (`span` rows) or B (`span` columns), `depth` terms at a time. `along`:
/// memory rows run along the span rather than along the terms.
template <class Tile, int span, bool along>
class Fetch {
 public:
  /// `from`: the first term of the first of `spans` rows or columns; `ld`: distance between
  /// memory rows in elements.
  __device__ Fetch(const bf16* from, int64_t ld, int64_t spans) {
    from_ = from + 8 * piece();
    if constexpr (along) {
      from_ += first_row() * ld;
      const int64_t left = spans - 8 * piece();
      offset_[0] = left < 0 ? 0 : left < 8 ? static_cast<int>(left) : 8;
    } else {
      // Past the end of the matrix, read its last row again: results computed from it are not stored.
#pragma unroll
      for (int r = 0; r < rounds; ++r) {
        const int64_t s = first_row() + r * step;
        offset_[r] = static_cast<int>((s < spans ? s : spans - 1) * ld);
      }
    }
  }

  /// Starts copying the next `depth` terms; those from `terms` on are zero. `wide`: memory rows are
  /// aligned to 16 bytes.
  __device__ __forceinline__ void operator()(bf16* to, int terms, int64_t ld, bool wide) {
#pragma unroll
    for (int r = 0; r < rounds; ++r) {
      const int row = first_row() + r * step;
      const bf16* p = from_;
      int there;
      if constexpr (along) {
        p += r * step * ld;
        there = row < terms ? offset_[0] : 0;
      } else {
        p += offset_[r];
        there = min(8, max(0, terms - 8 * piece()));
      }
      bf16* const at = to + 8 * piece_at<Tile, span, along>(row, piece());
      if (wide)
        copy_async<16>(at, p, 2 * there);
      else
        copy_single(at, p, there);
    }
    from_ += along ? Tile::depth * ld : Tile::depth;
  }

 private:
  static constexpr int pieces = (along ? span : Tile::depth) / 8;  ///< per row
  static constexpr int step = Tile::threads / pieces;              ///< rows that all threads copy in a round
  static constexpr int rounds = (along ? Tile::depth : span) / step;
  static_assert(pieces * step == Tile::threads && rounds * step == (along ? Tile::depth : span));

  __device__ static int piece() { return static_cast<int>(threadIdx.x) % pieces; }
  __device__ static int first_row() { return static_cast<int>(threadIdx.x) / pieces; }

  /// Copies elements of unaligned rows one by one, synchronously.
  __device__ static void copy_single(bf16* to, const bf16* from, int n) {
    uint32_t pairs[4] = {};
#pragma unroll
    for (int v = 0; v < 8; ++v)
      if (v < n) pairs[v / 2] |= static_cast<uint32_t>(from[v].bits) << (16 * (v % 2));
    vector_at<uint4>(to) = {pairs[0], pairs[1], pairs[2], pairs[3]};
  }

  const bf16* from_;
  int offset_[along ? 1 : rounds];  ///< per round; along the span: how many of the eight are in the matrix
};

/// Loads four 8 x 8 matrices, spans s to s + 15 by terms k to k + 15, as a fragment of A (rows first) or as
/// two adjacent fragments of B (terms first).
template <class Tile, int span, bool along, bool of_b>
__device__ __forceinline__ void load_fragments(uint32_t (&to)[4], const bf16* from, int s, int k) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int first = lane / 8 % 2 * 8, second = lane / 16 * 8;
  s += of_b ? second : first;
  k += of_b ? first : second;
  const int piece = along ? piece_at<Tile, span, along>(k + lane % 8, s / 8)
                          : piece_at<Tile, span, along>(s + lane % 8, k / 8);
  load_matrices<along>(to, from + 8 * piece);
}

/// The sums of a warp's columns of B: the products with a matrix of ones, whose rows are all the same.
template <class Tile>
struct ColumnSums {
  float of[Tile::warp_cols / 8][4] = {};
  __device__ __forceinline__ void add(int x, const uint32_t (&b)[2]) {
    constexpr uint32_t two_ones = 0x3f803f80;
    constexpr uint32_t ones[4] = {two_ones, two_ones, two_ones, two_ones};
    mma(of[x], ones, b);
  }
  /// Lanes 0 to 3 hold the first row of each product.
  __device__ __forceinline__ void store(float* to, int64_t cols_left, Write how) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    if (lane >= 4) return;
#pragma unroll
    for (int x = 0; x < Tile::warp_cols / 8; ++x)
#pragma unroll
      for (int i = 0; i < 2; ++i)
        if (const int col = 8 * x + place_in_c(lane, i).col; col < cols_left) write(to + col, of[x][i], how);
  }
};

/// sum += the products of one stage; `row` and `col` are the warp's first. `of_b` adds up B if `sums_b`, in the warps
/// of which `adds` is true.
template <class Tile, bool trans_a, bool trans_b, bool sums_b>
__device__ __forceinline__ void multiply_stage(const typename Tile::Stage& stage, int row, int col,
                                               float (&sum)[Tile::warp_rows / 16][Tile::warp_cols / 8][4],
                                               ColumnSums<Tile>& of_b, bool adds) {
#pragma unroll
  for (int k = 0; k < Tile::depth; k += 16) {
    uint32_t a[Tile::warp_rows / 16][4], b[Tile::warp_cols / 8][2];
#pragma unroll
    for (int y = 0; y < Tile::warp_rows / 16; ++y)
      load_fragments<Tile, Tile::rows, trans_a, false>(a[y], stage.a, row + 16 * y, k);
#pragma unroll
    for (int x = 0; x < Tile::warp_cols / 8; x += 2) {
      uint32_t two[4];
      load_fragments<Tile, Tile::cols, !trans_b, true>(two, stage.b, col + 8 * x, k);
      b[x][0] = two[0], b[x][1] = two[1], b[x + 1][0] = two[2], b[x + 1][1] = two[3];
    }
#pragma unroll
    for (int y = 0; y < Tile::warp_rows / 16; ++y)
#pragma unroll
      for (int x = 0; x < Tile::warp_cols / 8; ++x) mma(sum[y][x], a[y], b[x]);
    if (sums_b && adds)
#pragma unroll
      for (int x = 0; x < Tile::warp_cols / 8; ++x) of_b.add(x, b[x]);
  }
}

/// `sums_b`: the warps of the first rows of C also add up the columns of B that they multiply.
template <class Tile, bool trans_a, bool trans_b, bool sums_b>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    multiply_tensor(Matmul m, TileGrid grid, Wide wide, float* scratch) {
  auto* const stages = dynamic_shared<typename Tile::Stage>();
  const TilePlace place = place_of(grid, static_cast<int>(blockIdx.x));
  // Keep the place in shared memory until the end; until then, registers are needed for the sums.
  TilePlace& kept = shared_memory<TilePlace>();
  if (threadIdx.x == 0) kept = place;
  const auto work = operands_of<Tile, trans_a, trans_b, bf16>(m, grid, place);
  const int K = work.K;
  Fetch<Tile, Tile::rows, trans_a> fetch_a(work.a, m.lda, work.rows_left);
  Fetch<Tile, Tile::cols, !trans_b> fetch_b(work.b, m.ldb, work.cols_left);
  int to_fetch = K, to_multiply = K, fill = 0, use = 0;
  const auto fetch = [&] {
    if (to_fetch > 0) {
      fetch_a(stages[fill].a, to_fetch, m.lda, wide.a);
      fetch_b(stages[fill].b, to_fetch, m.ldb, wide.b);
      to_fetch -= Tile::depth;
    }
    end_copies();
    fill = fill + 1 == Tile::stages ? 0 : fill + 1;
  };
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int row = warp / Tile::warps_n * Tile::warp_rows, col = warp % Tile::warps_n * Tile::warp_cols;
  float sum[Tile::warp_rows / 16][Tile::warp_cols / 8][4] = {};
  ColumnSums<Tile> of_b;
  const bool adds = sums_b && place.m == 0 && row == 0;
  for (int stage = 0; stage < Tile::stages - 1; ++stage) fetch();
  for (; to_multiply > 0; to_multiply -= Tile::depth) {
    if constexpr (Tile::stages == 1) {
      __syncthreads();  // all threads have multiplied the only stage
      fetch();
      await_copies<0>();
      __syncthreads();
    } else {
      await_copies<Tile::stages - 2>();
      __syncthreads();  // this stage is ready for all threads, and all have multiplied the previous one
      fetch();
    }
    multiply_stage<Tile, trans_a, trans_b, sums_b>(stages[use], row, col, sum, of_b, adds);
    use = use + 1 == Tile::stages ? 0 : use + 1;
  }
  await_copies<0>();
  __syncthreads();
  if (adds) {
    const int64_t j = int64_t{kept.n} * Tile::cols + col;
    if (grid.splits > 1)
      of_b.store(scratch + (kept.split * grid.piece_rows + m.M) * m.N + j, m.N - j, Write::set);
    else
      of_b.store(static_cast<float*>(m.b_sums) + j, m.N - j, m.to_b_sums);
  }
  float* const staged = dynamic_shared<float>();
#pragma unroll
  for (int y = 0; y < Tile::warp_rows / 16; ++y)
#pragma unroll
    for (int x = 0; x < Tile::warp_cols / 8; ++x)
#pragma unroll
      for (int i = 0; i < 4; i += 2) {
        const Element e = place_in_c(lane, i);
        vector_at<float2>(staged + (row + 16 * y + e.row) * Tile::staged_row + col + 8 * x + e.col) = {
            sum[y][x][i], sum[y][x][i + 1]};
      }
  __syncthreads();
  if (m.bf16_c)
    store_tile<bf16, Tile>(m, staged, scratch, grid, kept, wide.c);
  else
    store_tile<float, Tile>(m, staged, scratch, grid, kept, wide.c);
}

using Large = TensorTile<large_bf16, 2, 2, 4>;
using Small = TensorTile<small_bf16, 2, 2, 4>;
using Lesson = TensorTile<small_bf16, 2, 2, 1>;

template <class Tile, bool trans_a, bool trans_b, bool sums_b = false>
void multiply(const Launch& on, const Matmul& m, const char* name) {
  const TileGrid grid = tile_grid(m, Tile::block);
  const Wide wide{bf16_rows_are_wide(m.a, m.lda, m.a_step), bf16_rows_are_wide(m.b, m.ldb, m.b_step),
                  results_are_wide(m)};
  launch(on, name, {static_cast<unsigned>(grid.blocks()), Tile::threads, Tile::shared_bytes},
         multiply_tensor<Tile, trans_a, trans_b, sums_b>, m, grid, wide, static_cast<float*>(on.scratch));
  m.bf16_c ? join<bf16>(on, m, grid) : join<float>(on, m, grid);
}

template <class Tile>
void multiply(const Launch& on, const Matmul& m) {
  constexpr const char* name = "matmul_tensor";
  if (m.b_sums)  // list.cpp: only with these operands
    multiply<Tile, true, false, true>(on, m, "matmul_tensor_sums");
  else if (m.trans_a)
    m.trans_b ? multiply<Tile, true, true>(on, m, name) : multiply<Tile, true, false>(on, m, name);
  else
    m.trans_b ? multiply<Tile, false, true>(on, m, name) : multiply<Tile, false, false>(on, m, name);
}

}  // namespace

template <>
void kernel<"cuda.mma", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  multiply<Lesson, false, false>(on, m, "matmul_mma");
}

template <>
void kernel<"cuda.tensor", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  takes_large(m, large_bf16) ? multiply<Large>(on, m) : multiply<Small>(on, m);
}

}  // namespace hewn
