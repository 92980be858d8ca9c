// bf16 products with Hopper's own instructions (kernels/gpu/tiles/hopper.cuh), summed in float32. In the
// previous kernels every warp takes part in copying, holds the addresses of its copies and passes operands to
// the tensor cores through registers. Here one thread of a dedicated warp requests the tiles, two groups of
// four warps multiply 64 x 128 x 16 per instruction, reading shared memory directly, and their registers hold
// only sums. The two sides synchronise by two barriers per stage: full and empty.

#include "kernels/gpu/tiles/hopper.cuh"
#include "kernels/matmul/abi.h"
#include "kernels/matmul/gpu/epilogue.cuh"
#include "kernels/matmul/gpu/layout.cuh"

namespace hewn {
namespace {

struct HopperTile {
  static constexpr int rows = hopper_bf16.rows, cols = hopper_bf16.cols;
  static constexpr int depth = hopper_bf16.depth;  ///< 128 bytes of terms: the width of the swizzle
  static constexpr int stages = 3;                 ///< two blocks of three stages fit on a multiprocessor
  static constexpr int groups = rows / 64;         ///< groups of four warps, 64 rows each
  static constexpr int multiplying = 128 * groups, threads = multiplying + 32;
  struct Stage {
    bf16 a[rows * depth], b[cols * depth];
  };
  static constexpr int staged_row = row_of_staged_pairs(cols);
  static constexpr size_t pipeline = stages * sizeof(Stage), sums = sizeof(float) * rows * staged_row;
  static constexpr size_t shared_bytes = pipeline > sums ? pipeline : sums;

  static_assert(rows % 64 == 0 && cols == 128 && depth == TiledMatrix::box_cols);
  static_assert(sizeof(Stage) % 1024 == 0, "every stage must begin with the swizzle pattern");
  static_assert(hopper_bf16.resident * (shared_bytes + 1024) <= 227 << 10,
                "blocks must fit on a multiprocessor of sm_90");
  static_assert(fits_everywhere({threads, hopper_bf16.resident, rows* cols / multiplying}),
                "all but shared memory must fit on every GPU");
};

/// The stage of the n-th tile of K, and the parity of the phase that ends when the stage is full.
struct StagePhase {
  int stage;
  uint32_t parity;
};
__host__ __device__ constexpr StagePhase stage_phase(int n) {
  return {n % HopperTile::stages, static_cast<uint32_t>(n / HopperTile::stages % 2)};
}

struct StageBarriers {
  Barrier full[HopperTile::stages], empty[HopperTile::stages];
};

/// Rows of a box of an operand whose memory rows run along the span, or along the terms.
template <int span, bool along>
inline constexpr int box_rows = along ? HopperTile::depth : span;

/// Requests `depth` terms from `k` on of `span` rows or columns from `s` on.
template <int span, bool along>
__device__ __forceinline__ void fetch(bf16* to, const TensorMap& map, int s, int k, Barrier& full) {
  if constexpr (along) {
#pragma unroll
    for (int i = 0; i < span; i += TiledMatrix::box_cols)
      copy_box(to + i * HopperTile::depth, map, k, s + i, full);
  } else {
    copy_box(to, map, s, k, full);
  }
}

template <bool trans_a, bool trans_b>
__global__ void __launch_bounds__(HopperTile::threads, hopper_bf16.resident)
    multiply_hopper(const __grid_constant__ TensorMap map_a, const __grid_constant__ TensorMap map_b,
                    Matmul m, TileGrid grid, bool wide, float* scratch) {
  if constexpr (!hopper_code) {
    not_hopper();
  } else {
    using Tile = HopperTile;
    auto* const stages = dynamic_shared<Tile::Stage>();
    StageBarriers& barriers = shared_memory<StageBarriers>();
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    if (threadIdx.x == 0) {
      for (int s = 0; s < Tile::stages; ++s) {
        make_barrier(barriers.full[s], 1);
        make_barrier(barriers.empty[s], Tile::multiplying / 32);
      }
      publish_barriers();
    }
    __syncthreads();
    const TilePlace place = place_of(grid, static_cast<int>(blockIdx.x));
    const auto k0 = static_cast<int>(place.split * grid.split_depth);
    // Terms of this piece of K: all pieces but the last are whole tiles, and terms past K are zero.
    const int K = static_cast<int>(k0 + grid.split_depth < m.K ? grid.split_depth : m.K - k0);
    const int steps = ceil_div(K, Tile::depth);
    float sum[64] = {};
    if (warp == Tile::multiplying / 32) {
      if (lane == 0)
        for (int n = 0; n < steps; ++n) {
          const StagePhase at = stage_phase(n);
          Tile::Stage& stage = stages[at.stage];
          Barrier& full = barriers.full[at.stage];
          if (n >= Tile::stages) await_phase(barriers.empty[at.stage], at.parity ^ 1);
          arrive_expecting(full, sizeof(Tile::Stage));
          fetch<Tile::rows, trans_a>(stage.a, map_a, place.m * Tile::rows, k0 + n * Tile::depth, full);
          fetch<Tile::cols, !trans_b>(stage.b, map_b, place.n * Tile::cols, k0 + n * Tile::depth, full);
        }
      __syncwarp();
    } else {
      for (int n = 0; n < steps; ++n) {
        const StagePhase at = stage_phase(n);
        Tile::Stage& stage = stages[at.stage];
        // 64 rows of A: eight pieces of 1024 bytes, or a single box if memory rows run along the rows of A.
        const uint32_t a = shared_address(stage.a + warp / 4 * 64 * Tile::depth), b = shared_address(stage.b);
        await_phase(barriers.full[at.stage], at.parity);
        begin_products();
#pragma unroll
        for (int k = 0; k < Tile::depth; k += 16)
          multiply_group<trans_a, !trans_b>(sum, descriptor_of(operand_at<trans_a, Tile::depth>(a, k)),
                                            descriptor_of(operand_at<!trans_b, Tile::depth>(b, k)));
        end_products();
        await_products<1>();  // the products of the previous step, whose stage is free now
        if (n > 0 && lane == 0) arrive(barriers.empty[stage_phase(n - 1).stage]);
      }
      await_products<0>();
    }
    __syncthreads();  // all threads have finished reading the stages
    float* const staged = dynamic_shared<float>();
    if (warp < Tile::multiplying / 32) {
      float* const to = staged + warp / 4 * 64 * Tile::staged_row;
#pragma unroll
      for (int i = 0; i < 64; i += 2) {
        const Element e = place_in_group(static_cast<int>(threadIdx.x), i);
        vector_at<float2>(to + e.row * Tile::staged_row + e.col) = {sum[i], sum[i + 1]};
      }
    }
    __syncthreads();
    if (m.bf16_c)
      store_tile<bf16, Tile>(m, staged, scratch, grid, place, wide);
    else
      store_tile<float, Tile>(m, staged, scratch, grid, place, wide);
  }
}

/// The map of A, or B, for fetching boxes of its `span` rows or columns.
template <int span, bool along>
TensorMap map_of(const void* data, int64_t spans, int64_t terms, int64_t ld) {
  return tensor_map({data, along ? terms : spans, along ? spans : terms, ld, box_rows<span, along>});
}

template <bool trans_a, bool trans_b>
void multiply(const Launch& on, const Matmul& m) {
  const TileGrid grid = tile_grid(m, hopper_bf16);
  launch(on, "matmul_hopper",
         {static_cast<unsigned>(grid.blocks()), HopperTile::threads, HopperTile::shared_bytes},
         multiply_hopper<trans_a, trans_b>, map_of<HopperTile::rows, trans_a>(m.a, m.M, m.K, m.lda),
         map_of<HopperTile::cols, !trans_b>(m.b, m.N, m.K, m.ldb), m, grid, results_are_wide(m),
         static_cast<float*>(on.scratch));
  m.bf16_c ? join<bf16>(on, m, grid) : join<float>(on, m, grid);
}

}  // namespace

template <>
void kernel<"cuda.hopper", Isa::HEWN_ISA>(const Launch& on, const Matmul& m) {
  if (m.trans_a)
    m.trans_b ? multiply<true, true>(on, m) : multiply<true, false>(on, m);
  else
    m.trans_b ? multiply<false, true>(on, m) : multiply<false, false>(on, m);
}

}  // namespace hewn
