#pragma once

#include <cstdint>

namespace hewn {

/// Appends a dimension to the arguments of an operation on two operands, whose strides are the members `first` and
/// `second`; merges it with the previous one if both have compatible strides, so that rows are as long as possible.
/// Dimensions of size 1 are skipped.
template <auto first, auto second, class A>
void append_dimension(A& a, int64_t size, int64_t first_stride, int64_t second_stride) {
  if (size == 1) return;
  const int last = a.rank - 1;
  const bool joins =
      a.rank > 0 && (a.*first)[last] == size * first_stride && (a.*second)[last] == size * second_stride;
  const int at = joins ? last : a.rank++;
  a.shape[at] = joins ? a.shape[at] * size : size;
  (a.*first)[at] = first_stride;
  (a.*second)[at] = second_stride;
}

}  // namespace hewn
