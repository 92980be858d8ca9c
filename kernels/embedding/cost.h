#pragma once

#include <cmath>

#include "kernels/contract/contract.h"
#include "kernels/embedding/abi.h"

namespace hewn {

/// Expected number of distinct rows among n ids if all rows are equally likely.
inline double rows_named(int64_t n, int64_t vocabulary) {
  const auto rows = static_cast<double>(vocabulary);
  return rows - rows * std::pow(1 - 1 / rows, static_cast<double>(n));
}

/// The distinct rows and the positions are read once each, and all of y is written.
inline Cost cost_of(const EmbeddingForward& a) {
  const double n = static_cast<double>(a.n), width = static_cast<double>(a.width);
  const double rows = rows_named(a.n, a.vocabulary) + (a.position ? static_cast<double>(a.period) : 0);
  return {a.position ? n * width : 0, rows * width * static_cast<double>(size_of(a.dtype)) +
                                          n * width * static_cast<double>(size_of(a.y_dtype))};
}

/// Bytes of the table's rows that are read and written when adding.
inline double bytes_added_to(const EmbeddingBackward& a) {
  if (a.to_dweight == Write::set) return 0;
  return rows_named(a.n, a.vocabulary) * static_cast<double>(a.width) * static_cast<double>(size_of(a.dtype));
}

/// All of dy is read. Setting writes the whole table; adding reads and writes the distinct rows.
inline Cost cost_of(const EmbeddingBackward& a) {
  const double n = static_cast<double>(a.n), width = static_cast<double>(a.width);
  const double row = width * static_cast<double>(size_of(a.dtype));
  const double table = a.to_dweight == Write::set ? static_cast<double>(a.vocabulary) * row : 0;
  return {n * width, n * width * static_cast<double>(size_of(a.dy_dtype)) + table + 2 * bytes_added_to(a)};
}

inline Needs needs_of(const EmbeddingBackward& a) { return {.updated = bytes_added_to(a)}; }

}  // namespace hewn
