#pragma once
// What blocks of attention in float32 have in shared memory, and which thread touches what of it: for the
// kernels and for the test that counts banks.

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

constexpr int own_rows = 64;  ///< of a block
/// As 16 x 16: a thread has rows ty + 16 y and columns tx + 16 x of the scores.
constexpr int tiled_threads = 256;
constexpr int rows_each = own_rows / 16;

/// Where a thread stands in the 16 x 16.
__host__ __device__ constexpr int tx_of(int thread) { return thread % 16; }
__host__ __device__ constexpr int ty_of(int thread) { return thread / 16; }

/// n rows of a head in shared memory. They begin four floats further in the banks than the one before, so
/// that eight neighbours' sixteen bytes, of eight rows, are in different ones.
template <int D, int n>
struct Rows {
  static_assert(D % 32 == 0 && n % 16 == 0);
  static constexpr int stride = D + 4;
  float at[n][stride];
};

/// Scores of the block's rows and of n that come by, or what has their shape. Rows begin sixteen banks
/// further, so that the two rows that a warp writes at a time are in different ones.
template <int n>
struct Scores {
  static_assert(n % 16 == 0);
  static constexpr int stride = n % 32 == 0 ? n + 16 : n;
  float at[own_rows][stride];
};

}  // namespace
}  // namespace hewn
