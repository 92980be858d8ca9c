#pragma once

#include <cstdint>

namespace hewn {
namespace {

/// The number of columns that row r sees (SoftmaxForward::queries).
template <class Args>
[[maybe_unused]] inline __attribute__((always_inline)) int64_t visible(const Args& a, int64_t r) {
  return a.queries == 0 ? a.cols : a.cols - a.queries + r % a.queries + 1;
}

}  // namespace
}  // namespace hewn
