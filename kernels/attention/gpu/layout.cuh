#pragma once
// Shared-memory layout of float32 attention blocks and its mapping to threads, for the kernels and for the
// test that counts bank conflicts.

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

constexpr int own_rows = 64;  ///< rows that a block owns
/// Arranged as 16 x 16: a thread computes rows ty + 16 y and columns tx + 16 x of the scores.
constexpr int tiled_threads = 256;
constexpr int rows_each = own_rows / 16;

/// A thread's position in the 16 x 16 arrangement.
__host__ __device__ constexpr int tx_of(int thread) { return thread % 16; }
__host__ __device__ constexpr int ty_of(int thread) { return thread / 16; }

/// n rows of a head in shared memory. Each row starts four banks after the previous one, so that eight
/// adjacent threads which read 16 bytes each, from eight rows, access different banks.
template <int D, int n>
struct Rows {
  static_assert(D % 32 == 0 && n % 16 == 0);
  static constexpr int stride = D + 4;
  float at[n][stride];
};

/// Scores of the block's own rows and n other rows, or values of that shape. Each row starts sixteen banks
/// after the previous one, so that the two rows that a warp writes at a time are in different banks.
template <int n>
struct Scores {
  static_assert(n % 16 == 0);
  static constexpr int stride = n % 32 == 0 ? n + 16 : n;
  float at[own_rows][stride];
};

}  // namespace
}  // namespace hewn
