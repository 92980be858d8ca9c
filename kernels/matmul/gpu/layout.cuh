#pragma once
// Where tiles lie in shared memory, and who touches what of them at a time: said here once, for the kernels
// and for the test that counts banks.

#include "kernels/gpu/tiles/tile.cuh"
#include "kernels/matmul/gpu/gpu_plan.h"

namespace hewn {
namespace {

// Stages of float32 have a row per term of both operands.

/// An operand whose rows of memory go along the terms is transposed on its way: the row and the term, of eight,
/// that a thread copies.
struct TransposedPlace {
  int row, term;
};
__host__ __device__ constexpr TransposedPlace transposed_place(int thread) {
  return {thread / 8, thread % 8};
}

/// Floats between rows of a stage. Threads that turn an operand write eight terms of four rows: all banks
/// once.
inline constexpr int floats_gap = 4;
/// The same for TF32: four terms of eight rows, as a fragment has them, are in all banks once.
inline constexpr int tf32_gap = 8;

/// How a warp shares its part of c, without tensor cores: lanes_m x (32 / lanes_m) lanes. A lane makes 8
/// rows, 4 and then 4 more half the warp's rows below, by 4 columns in each of `parts_n` parts of the warp's
/// columns: so the 16 bytes that neighbours read from shared memory lie next to each other.
struct FloatLanes {
  int lanes_m, parts_n;
  constexpr int lanes_n() const { return 32 / lanes_m; }
};
/// The first row and column of a lane.
__host__ __device__ constexpr Element first_of_lane(int lane, int lanes_n) {
  return {lane / lanes_n * 4, lane % lanes_n * 4};
}
inline constexpr FloatLanes large_float_lanes{8, 2}, small_float_lanes{4, 1};

/// Floats from row to row of staged sums. Of lanes that store four neighbours each: four more, so that rows
/// four apart are in different banks.
__host__ __device__ constexpr int row_of_staged_fours(int cols) { return cols + 4; }
/// Of lanes that store two, as fragments have them: eight more, so that half a warp's pairs, of four rows,
/// are in different banks.
__host__ __device__ constexpr int row_of_staged_pairs(int cols) { return cols + 8; }

}  // namespace
}  // namespace hewn
