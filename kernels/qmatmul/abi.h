#pragma once

#include "kernels/contract/launch.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// The number of elements of a row that are quantised together. Quantised rows are padded to a multiple of
/// it.
inline constexpr int64_t quantised_block = 32, quantised_chunk = 256;

/// The elements of a quantised row of `cols` elements, padding included.
[[gnu::always_inline]] inline constexpr int64_t padded_cols(int64_t cols) {
  return (cols + quantised_chunk - 1) / quantised_chunk * quantised_chunk;
}

/// Quantises each block of 32 elements of x to int8, once per product. With `most` as the block's largest absolute
/// value, scale = most / 127 and q = x * (127 / most), rounded to the nearest integer, ties to even; all in float32.
/// The error of an element is at most scale / 2. A block below 2^-120 becomes zeros with scale 0. A block with a NaN
/// or an infinity becomes zeros with scale NaN, which makes all results of its row NaN. The padding is zero.
/// With `one_scale`, all of this applies to a whole row instead of a block, and all blocks of a row share its
/// scale.
struct QuantizeRows {
  int64_t rows, cols;  ///< cols is a multiple of 32
  const float* x;      ///< [rows, cols]
  int8_t* q;           ///< [rows, padded_cols(cols)]
  float* scale;        ///< [rows, padded_cols(cols) / 32]
  int32_t* sum;        ///< like scale: the sums of each block's q
  bool one_scale = false;
};

/// y = x W^T + bias, for x quantised by QuantizeRows and W in blocks, as in a file. The products of 32
/// elements are added as integers, without rounding. These sums, times both scales, are added in float32, in
/// an order that depends only on K. The bits of a row of y therefore depend on that row of x, on W and on the
/// bias, but neither on M nor on the number of threads. The reader of a file must check that scales and
/// offsets of W are finite: if one is not, the result of its row is an infinity or NaN, and the rungs may
/// differ.
struct QMatmul {
  BlockType format;
  int64_t M, N, K;         ///< K is a multiple of the format's elements
  const int8_t* x;         ///< [M, padded_cols(K)]
  const float* x_scale;    ///< [M, padded_cols(K) / 32]
  const int32_t* x_sum;    ///< like x_scale
  const void* w;           ///< N rows of K / elements blocks each
  const float* bias = {};  ///< [N]; null: none
  float* y;                ///< [M, N]
};

/// y_i = row ids_i of W, in float32: the embeddings of tokens. The same bits as `widen_block`.
struct WidenRows {
  BlockType format;
  int64_t n, cols;     ///< cols is a multiple of the format's elements
  const int32_t* ids;  ///< [n], of rows that exist
  const void* w;       ///< rows of cols / elements blocks
  float* y;            ///< [n, cols]
};

/// Rounds the rows of x to blocks, the inverse of BlockFormat::open: for every group of elements with a common scale, a
/// search for the scale (and the offset) with the least sum of importance * (x - value)^2, where `value` is what
/// widen_block yields. encode/search.h describes the search; it fixes every float32 operation, so that all
/// rungs write the same bytes. x must be finite; otherwise the results are unspecified. Values too large for
/// a format become its largest, since scales and offsets are at most 65504; a block whose scale is below
/// 2^-25 becomes zeros.
struct EncodeBlocks {
  BlockType format;    ///< one that `multiplied_as_they_are` accepts
  int64_t rows, cols;  ///< cols is a multiple of the format's elements
  const float* x;      ///< [rows, cols]
  const float* importance =
      {};        ///< [cols], finite and at least 0: the mean square of each input; null: all 1
  void* blocks;  ///< rows of cols / elements blocks
};

/// Widens row i of WidenRows, for rungs in plain C++.
void widen_row(const WidenRows& a, int64_t i);

/// From this many rows of x on, the rungs simd and vnni transpose W in panels, if vectors have 32 bytes or more.
inline constexpr int64_t panels_from = 8;
/// The number of rows of x that stay in a near cache while W is read.
inline constexpr int64_t near_rows = 64;
/// Their scratch per thread: a group of 32 columns in panels; else a chunk of 256 columns of each of at most
/// near_rows rows of x.
inline constexpr size_t panel_group_bytes = 384, near_chunk_bytes = 352;

const Ladder<QuantizeRows>& ladder_of(const QuantizeRows&);
const Ladder<QMatmul>& ladder_of(const QMatmul&);
const Ladder<WidenRows>& ladder_of(const WidenRows&);
const Ladder<EncodeBlocks>& ladder_of(const EncodeBlocks&);

}  // namespace hewn
