#pragma once

#include "kernels/contract/launch.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// Elements of a row that are quantised together, and the multiple of elements to which quantised rows are padded.
inline constexpr int64_t quantised_block = 32, quantised_chunk = 256;

/// The elements of a quantised row of `cols` elements, padding included.
[[gnu::always_inline]] inline constexpr int64_t padded_cols(int64_t cols) {
  return (cols + quantised_chunk - 1) / quantised_chunk * quantised_chunk;
}

/// Quantises each block of 32 elements of x to int8, once per product. With `most` as the block's largest absolute
/// value, scale = most / 127 and q = x * (127 / most), rounded to the nearest integer, ties to even; all in float32.
/// The error of an element is at most scale / 2. A block below 2^-120 becomes zeros with scale 0. A block with a NaN
/// or an infinity becomes zeros with scale NaN, which makes all results of its row NaN. The padding is zero.
struct QuantizeRows {
  int64_t rows, cols;  ///< cols is a multiple of 32
  const float* x;      ///< [rows, cols]
  int8_t* q;           ///< [rows, padded_cols(cols)]
  float* scale;        ///< [rows, padded_cols(cols) / 32]
  int32_t* sum;        ///< like scale: the sums of each block's q
};

/// y = x W^T + bias, for x as QuantizeRows leaves it and W in blocks, as in a file. The products of 32 elements are
/// added as integers, without rounding. These sums, times both scales, are added in float32, in an order that depends
/// only on K. The bits of a row of y therefore depend on that row of x, on W and on the bias, but neither on M nor on
/// the number of threads. The reader of a file must check that scales and offsets of W are finite: if one is not, the
/// result of its row is an infinity or NaN, and the rungs may differ.
struct QMatmul {
  BlockType format;
  int64_t M, N, K;         ///< K is a multiple of the format's elements
  const int8_t* x;         ///< [M, padded_cols(K)]
  const float* x_scale;    ///< [M, padded_cols(K) / 32]
  const int32_t* x_sum;    ///< like x_scale
  const void* w;           ///< N rows of K / elements blocks
  const float* bias = {};  ///< [N]; null: none
  float* y;                ///< [M, N]
};

const Ladder<QuantizeRows>& ladder_of(const QuantizeRows&);
const Ladder<QMatmul>& ladder_of(const QMatmul&);

}  // namespace hewn
