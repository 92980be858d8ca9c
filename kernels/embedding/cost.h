#pragma once

#include "kernels/embedding/abi.h"

namespace hewn {

/// Rows are read and written once; positions come from the cache.
inline Cost cost_of(const EmbeddingForward& a) {
  const double n = static_cast<double>(a.n) * static_cast<double>(a.width);
  return {a.position ? n : 0, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Every row of dy is read and added to one that is read and written; setting also clears the table.
inline Cost cost_of(const EmbeddingBackward& a) {
  const double n = static_cast<double>(a.n) * static_cast<double>(a.width);
  const double table = static_cast<double>(a.vocabulary) * static_cast<double>(a.width);
  return {n, (3 * n + (a.to_dweight == Write::set ? table : 0)) * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
