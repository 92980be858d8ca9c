// The product in true float32, for every option: tiles of c in registers, four floats a load, the next tiles
// on their way while this one is multiplied.

#include "kernels/gpu/async.cuh"
#include "kernels/matmul/cuda.h"
#include "kernels/matmul/epilogue.cuh"

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
  struct Stage {
    // Four more than needed: threads that turn an operand write eight terms of four rows, all banks once.
    float a[depth][rows + 4], b[depth][cols + 4];
  };
  /// Floats from row to row of the staged sums: four more, so that rows four apart are in different banks.
  static constexpr int staged_row = cols + 4;
  static constexpr size_t pipeline = stages * sizeof(Stage), staged = sizeof(float) * rows * staged_row;
  static constexpr size_t shared_bytes = pipeline > staged ? pipeline : staged;

  static_assert(rows % warp_rows == 0 && cols % warp_cols == 0);
  static_assert(shared_bytes <= 99 << 10);
};

/// One thread's part in copying a (`span` rows) or b (`span` columns), `depth` terms at a time. `along`:
/// memory holds the span, and not the terms, along its rows.
template <class Tile, int span, bool along>
class Fetch {
 public:
  /// `from`: the first term of the first of `spans` rows or columns; `ld` elements from one row of memory to
  /// the next.
  __device__ Fetch(const float* from, int64_t ld, int64_t spans) {
    const int thread = static_cast<int>(threadIdx.x);
    if constexpr (along) {
      const int first = 4 * thread % span;
      from_ = from + k_of(thread) * ld + first;
      offset_[0] = spans - first < 4 ? static_cast<int>(spans - first) : 4;
    } else {
      from_ = from + k_of(thread);
      // Beyond the matrix its last row again: what comes of it is not stored.
#pragma unroll
      for (int r = 0; r < rounds; ++r) {
        const int64_t s = thread / 8 + r * step;
        offset_[r] = static_cast<int>((s < spans ? s : spans - 1) * ld);
      }
    }
  }

  /// Starts the copy of the next `depth` terms, of which those from `terms` on are zero; `wide`: rows of
  /// memory are aligned to 16 bytes.
  __device__ __forceinline__ void operator()(float (*to)[span + 4], int terms, int64_t ld, bool wide) {
    const int thread = static_cast<int>(threadIdx.x), first_k = k_of(thread);
#pragma unroll
    for (int r = 0; r < rounds; ++r) {
      if constexpr (along) {
        const float* p = from_ + r * step * ld;
        const int k = first_k + r * step, there = k < terms ? offset_[0] : 0;
        float* const at = &to[k][4 * thread % span];
        if (wide) {
          copy_async<16>(at, p, there > 0 ? 4 * there : 0);
        } else {
#pragma unroll
          for (int v = 0; v < 4; ++v) copy_async<4>(at + v, p + v, v < there ? 4 : 0);
        }
      } else {
#pragma unroll
        for (int k = 0; k < Tile::depth; k += 8)
          copy_async<4>(&to[first_k + k][thread / 8 + r * step], from_ + offset_[r] + k,
                        first_k + k < terms ? 4 : 0);
      }
    }
    from_ += along ? Tile::depth * ld : Tile::depth;
  }

 private:
  /// Rows of memory (or of the span) that all threads together copy in a round.
  static constexpr int step = along ? 4 * Tile::threads / span : Tile::threads / 8;
  static constexpr int rounds = (along ? Tile::depth : span) / step;
  static_assert(rounds * step == (along ? Tile::depth : span) && Tile::depth % 8 == 0, "whole rounds");

  __device__ static int k_of(int thread) { return along ? 4 * thread / span : thread % 8; }

  const float* from_;
  int offset_[along ? 1 : rounds];  ///< of a round; along the span: how many of the four are in the matrix
};

/// sum += the products of one stage; the thread's first row and column in it.
template <class Tile>
__device__ __forceinline__ void multiply_stage(const typename Tile::Stage& s, int row, int col,
                                               float (&sum)[8][4 * Tile::parts_n]) {
#pragma unroll 2  // more at a time, and their registers spill
  for (int k = 0; k < Tile::depth; ++k) {
    float a[8], b[4 * Tile::parts_n];
#pragma unroll
    for (int v = 0; v < 8; v += 4) {
      const float4 x = load_four(&s.a[k][row + v / 4 * (Tile::warp_rows / 2)]);
      a[v] = x.x, a[v + 1] = x.y, a[v + 2] = x.z, a[v + 3] = x.w;
    }
#pragma unroll
    for (int v = 0; v < 4 * Tile::parts_n; v += 4) {
      const float4 x = load_four(&s.b[k][col + v * Tile::lanes_n]);
      b[v] = x.x, b[v + 1] = x.y, b[v + 2] = x.z, b[v + 3] = x.w;
    }
#pragma unroll
    for (int y = 0; y < 8; ++y)
#pragma unroll
      for (int x = 0; x < 4 * Tile::parts_n; ++x) sum[y][x] = std::fma(a[y], b[x], sum[y][x]);
  }
}

struct Wide {
  bool a, b, c;
};

template <class Tile, bool trans_a, bool trans_b>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    multiply_floats(Matmul m, TileGrid grid, Wide wide, float* scratch) {
  auto* const stages = dynamic_shared<typename Tile::Stage>();
  const TilePlace place = place_of(grid, static_cast<int>(blockIdx.x));
  // For the end, where the sums are: registers are for them meanwhile.
  TilePlace& kept = shared_memory<TilePlace>();
  if (threadIdx.x == 0) kept = place;
  const int64_t i0 = int64_t{place.m} * Tile::rows, j0 = int64_t{place.n} * Tile::cols;
  const int64_t k0 = place.split * grid.split_depth;
  // Terms of this piece of K.
  const int K = static_cast<int>(k0 + grid.split_depth < m.K ? grid.split_depth : m.K - k0);
  Fetch<Tile, Tile::rows, trans_a> fetch_a(static_cast<const float*>(m.a) +
                                               offset_of(m.a_step, m, place.batch) +
                                               (trans_a ? k0 * m.lda + i0 : i0 * m.lda + k0),
                                           m.lda, m.M - i0);
  Fetch<Tile, Tile::cols, !trans_b> fetch_b(static_cast<const float*>(m.b) +
                                                offset_of(m.b_step, m, place.batch) +
                                                (trans_b ? j0 * m.ldb + k0 : k0 * m.ldb + j0),
                                            m.ldb, m.N - j0);
  // The stage to fill next, which is, once that has been begun, the one to multiply.
  int stage = 0;
  const auto fetch = [&](int terms) {
    if (terms > 0) {
      fetch_a(stages[stage].a, terms, m.lda, wide.a);
      fetch_b(stages[stage].b, terms, m.ldb, wide.b);
    }
    end_copies();
    stage = stage + 1 == Tile::stages ? 0 : stage + 1;
  };
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int row = warp / Tile::warps_n * Tile::warp_rows + lane / Tile::lanes_n * 4,
            col = warp % Tile::warps_n * Tile::warp_cols + lane % Tile::lanes_n * 4;
  float sum[8][4 * Tile::parts_n] = {};
  constexpr int ahead = Tile::stages - 1;
#pragma unroll
  for (int s = 0; s < ahead; ++s) fetch(K - s * Tile::depth);
  for (int left = K; left > 0; left -= Tile::depth) {
    await_copies<ahead - 1>();
    __syncthreads();  // this stage is there for all; the one before has been multiplied by all
    fetch(left - ahead * Tile::depth);
    multiply_stage<Tile>(stages[stage], row, col, sum);
  }
  await_copies<0>();
  __syncthreads();
  float* const staged = dynamic_shared<float>();
#pragma unroll
  for (int y = 0; y < 8; ++y)
#pragma unroll
    for (int x = 0; x < 4 * Tile::parts_n; x += 4)
      store_four(
          staged + (row + y % 4 + y / 4 * (Tile::warp_rows / 2)) * Tile::staged_row + col + x * Tile::lanes_n,
          {sum[y][x], sum[y][x + 1], sum[y][x + 2], sum[y][x + 3]});
  __syncthreads();
  store_tile<float, Tile>(m, staged, Tile::staged_row, scratch, grid, kept, wide.c);
}

using Large = FloatTile<large_floats, 8, 2>;
using Small = FloatTile<small_floats, 4, 1>;

bool rows_are_wide(const void* data, int64_t ld, const MatmulStep& step) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && ld % 4 == 0 && step.outer % 4 == 0 &&
         step.inner % 4 == 0;
}

template <class Tile, bool trans_a, bool trans_b>
void multiply(const Launch& on, const Matmul& m) {
  const TileGrid grid = tile_grid(m, {Tile::rows, Tile::cols, Tile::depth});
  const Wide wide{rows_are_wide(m.a, m.lda, m.a_step), rows_are_wide(m.b, m.ldb, m.b_step),
                  results_are_wide(m)};
  launch(on, "matmul_floats", {static_cast<unsigned>(grid.blocks()), Tile::threads, Tile::shared_bytes},
         multiply_floats<Tile, trans_a, trans_b>, m, grid, wide, static_cast<float*>(on.scratch));
  join<float>(on, m, grid);
}

template <class Tile>
void multiply(const Launch& on, const Matmul& m) {
  if (m.trans_a)
    m.trans_b ? multiply<Tile, true, true>(on, m) : multiply<Tile, true, false>(on, m);
  else
    m.trans_b ? multiply<Tile, false, true>(on, m) : multiply<Tile, false, false>(on, m);
}

}  // namespace

template <>
void matmul_gpu_floats<Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  takes_large(m, large_floats) ? multiply<Large>(on, m) : multiply<Small>(on, m);
}

}  // namespace hewn
