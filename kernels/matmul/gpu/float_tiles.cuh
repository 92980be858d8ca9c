#pragma once
// Products of float32 by tiles, with or without tensor cores: copying tiles to shared memory, several stages
// ahead, and writing sums to C. A kernel's Tile defines its sizes, its `Stage` of shared memory, in which
// both operands have one row per term, and its `Sums`: a thread's part of the tile.

#include "kernels/gpu/tiles/async.cuh"
#include "kernels/matmul/abi.h"
#include "kernels/matmul/gpu/epilogue.cuh"
#include "kernels/matmul/gpu/layout.cuh"

namespace hewn {
namespace {

/// One thread's part in copying A (`span` rows) or B (`span` columns), `depth` terms at a time. `along`:
/// memory rows run along the span rather than along the terms.
template <class Tile, int span, bool along>
class Fetch {
 public:
  /// `from`: the first term of the first of `spans` rows or columns; `ld`: distance between
  /// memory rows in elements.
  __device__ Fetch(const float* from, int64_t ld, int64_t spans) {
    const int thread = static_cast<int>(threadIdx.x);
    if constexpr (along) {
      const int first = 4 * thread % span;
      from_ = from + k_of(thread) * ld + first;
      offset_[0] = spans - first < 4 ? static_cast<int>(spans - first) : 4;
    } else {
      from_ = from + k_of(thread);
      // Past the end of the matrix, read its last row again: results computed from it are not stored.
#pragma unroll
      for (int r = 0; r < rounds; ++r) {
        const int64_t s = transposed_place(thread).row + r * step;
        offset_[r] = static_cast<int>((s < spans ? s : spans - 1) * ld);
      }
    }
  }

  /// Starts copying the next `depth` terms; those from `terms` on are zero. `wide`: memory rows are
  /// aligned to 16 bytes.
  __device__ __forceinline__ void operator()(float (*to)[span + Tile::gap], int terms, int64_t ld,
                                             bool wide) {
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
          copy_async<4>(&to[first_k + k][transposed_place(thread).row + r * step], from_ + offset_[r] + k,
                        first_k + k < terms ? 4 : 0);
      }
    }
    from_ += along ? Tile::depth * ld : Tile::depth;
  }

 private:
  /// Memory rows (or rows of the span) that all threads together copy in a round.
  static constexpr int step = along ? 4 * Tile::threads / span : Tile::threads / 8;
  static constexpr int rounds = (along ? Tile::depth : span) / step;
  static_assert(rounds * step == (along ? Tile::depth : span) && Tile::depth % 8 == 0,
                "tiles must divide into whole rounds");

  __device__ static int k_of(int thread) { return along ? 4 * thread / span : transposed_place(thread).term; }

  const float* from_;
  int offset_[along ? 1 : rounds];  ///< per round; along the span: how many of the four are in the matrix
};

template <class Tile, bool trans_a, bool trans_b>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    multiply_floats(Matmul m, TileGrid grid, Wide wide, float* scratch) {
  auto* const stages = dynamic_shared<typename Tile::Stage>();
  const TilePlace place = place_of(grid, static_cast<int>(blockIdx.x));
  // Keep the place in shared memory until the end; until then, registers are needed for the sums.
  TilePlace& kept = shared_memory<TilePlace>();
  if (threadIdx.x == 0) kept = place;
  const auto work = operands_of<Tile, trans_a, trans_b, float>(m, grid, place);
  const int K = work.K;
  Fetch<Tile, Tile::rows, trans_a> fetch_a(work.a, m.lda, work.rows_left);
  Fetch<Tile, Tile::cols, !trans_b> fetch_b(work.b, m.ldb, work.cols_left);
  // The stage to fill next; once its copy has started, the stage to multiply.
  int stage = 0;
  const auto fetch = [&](int terms) {
    if (terms > 0) {
      fetch_a(stages[stage].a, terms, m.lda, wide.a);
      fetch_b(stages[stage].b, terms, m.ldb, wide.b);
    }
    end_copies();
    stage = stage + 1 == Tile::stages ? 0 : stage + 1;
  };
  typename Tile::Sums sums;
  constexpr int ahead = Tile::stages - 1;
#pragma unroll
  for (int s = 0; s < ahead; ++s) fetch(K - s * Tile::depth);
  for (int left = K; left > 0; left -= Tile::depth) {
    await_copies<ahead - 1>();
    __syncthreads();  // this stage is ready for all threads, and all have multiplied the previous one
    fetch(left - ahead * Tile::depth);
    sums.add(stages[stage]);
  }
  await_copies<0>();
  __syncthreads();
  float* const staged = dynamic_shared<float>();
  sums.put(staged);
  __syncthreads();
  store_tile<float, Tile>(m, staged, scratch, grid, kept, wide.c);
}

inline bool rows_are_wide(const void* data, int64_t ld, const MatmulStep& step) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && ld % 4 == 0 && step.outer % 4 == 0 &&
         step.inner % 4 == 0;
}

template <class Tile, bool trans_a, bool trans_b>
void multiply(const Launch& on, const Matmul& m, const char* name) {
  const TileGrid grid = tile_grid(m, Tile::block);
  const Wide wide{rows_are_wide(m.a, m.lda, m.a_step), rows_are_wide(m.b, m.ldb, m.b_step),
                  results_are_wide(m)};
  launch(on, name, {static_cast<unsigned>(grid.blocks()), Tile::threads, Tile::shared_bytes},
         multiply_floats<Tile, trans_a, trans_b>, m, grid, wide, static_cast<float*>(on.scratch));
  join<float>(on, m, grid);
}

template <class Tile>
void multiply(const Launch& on, const Matmul& m, const char* name) {
  if (m.trans_a)
    m.trans_b ? multiply<Tile, true, true>(on, m, name) : multiply<Tile, true, false>(on, m, name);
  else
    m.trans_b ? multiply<Tile, false, true>(on, m, name) : multiply<Tile, false, false>(on, m, name);
}

}  // namespace
}  // namespace hewn
