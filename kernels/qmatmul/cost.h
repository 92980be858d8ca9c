#pragma once

#include "kernels/qmatmul/abi.h"

namespace hewn {

/// Bytes of a quantised row: its integers, and scale and sum of every block.
inline double quantised_row_bytes(int64_t cols) {
  const auto blocks = static_cast<double>(cols / quantised_block);
  return blocks * static_cast<double>(quantised_block + sizeof(float) + sizeof(int32_t));
}

/// Per element: a comparison, a multiplication, a sum.
inline Cost cost_of(const QuantizeRows& a) {
  const auto rows = static_cast<double>(a.rows), cols = static_cast<double>(a.cols);
  return {3 * rows * cols, rows * (cols * sizeof(float) + quantised_row_bytes(a.cols))};
}

/// 2 M N K. Reads the blocks of W, the quantised rows and the bias once; writes y.
inline Cost cost_of(const QMatmul& a) {
  const auto M = static_cast<double>(a.M), N = static_cast<double>(a.N), K = static_cast<double>(a.K);
  const BlockFormat& format = format_of(a.format);
  const double of_w = N * static_cast<double>(a.K / format.elements) * format.bytes;
  return {2 * M * N * K, of_w + M * quantised_row_bytes(a.K) +
                             ((a.bias ? N : 0) + M * N) * static_cast<double>(sizeof(float))};
}

/// Reads the ids and their rows, writes y; no arithmetic counts but a product per element.
inline Cost cost_of(const WidenRows& a) {
  const auto n = static_cast<double>(a.n), cols = static_cast<double>(a.cols);
  const BlockFormat& format = format_of(a.format);
  return {n * cols, n * (sizeof(int32_t) + cols / format.elements * format.bytes + cols * sizeof(float))};
}

/// Some 10 operations for each element and each of about 48 candidates (encode/search.h), as if each were measured to
/// the end. Reads x once; writes the blocks.
inline Cost cost_of(const EncodeBlocks& a) {
  const auto elements = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const BlockFormat& format = format_of(a.format);
  return {10 * 48 * elements,
          elements * (sizeof(float) + static_cast<double>(format.bytes) / format.elements)};
}

}  // namespace hewn
