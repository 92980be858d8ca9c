#pragma once
// Shared-memory layout of tiles and their mapping to threads, defined once for the kernels and for the test
// that counts bank conflicts.

#include "kernels/gpu/tiles/tile.cuh"
#include "kernels/matmul/gpu/gpu_plan.h"

namespace hewn {
namespace {

// Stages of float32 have one row per term of both operands.

/// An operand whose memory rows run along the terms is transposed while it is copied: the row and the term,
/// one of eight, that a thread copies.
struct TransposedPlace {
  int row, term;
};
__host__ __device__ constexpr TransposedPlace transposed_place(int thread) {
  return {thread / 8, thread % 8};
}

/// Padding between rows of a stage, in floats. Threads that transpose an operand write eight terms of four
/// rows, each in a different bank.
inline constexpr int floats_gap = 4;
/// The same for TF32: four terms of eight rows, as in a fragment, are in different banks.
inline constexpr int tf32_gap = 8;

/// How a warp shares its part of C without tensor cores: lanes_m x (32 / lanes_m) lanes. A lane computes 8
/// rows, 4 and then 4 more half the warp's rows below, by 4 columns in each of `parts_n` parts of the warp's
/// columns, so the 16-byte pieces that adjacent lanes read from shared memory are contiguous.
struct FloatLanes {
  int lanes_m, parts_n;
  constexpr int lanes_n() const { return 32 / lanes_m; }
};
/// The first row and column of a lane.
__host__ __device__ constexpr Element first_of_lane(int lane, int lanes_n) {
  return {lane / lanes_n * 4, lane % lanes_n * 4};
}
inline constexpr FloatLanes large_float_lanes{8, 2}, small_float_lanes{4, 1};

/// Distance between rows of staged sums, in floats, for lanes that store four adjacent sums each: four of
/// padding, so that rows four apart are in different banks.
__host__ __device__ constexpr int row_of_staged_fours(int cols) { return cols + 4; }
/// The same for lanes that store two, as fragments hold them: eight of padding, so that the pairs of half a
/// warp, from four rows, are in different banks.
__host__ __device__ constexpr int row_of_staged_pairs(int cols) { return cols + 8; }

}  // namespace
}  // namespace hewn
