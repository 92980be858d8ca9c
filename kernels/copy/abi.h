#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// y[i, j, ...] (set or add) x[i, j, ...], converted to y's type. x and y have separate strides over one
/// shape, in elements; x may repeat (stride 0), y's elements are distinct. Adding requires floating types.
/// Conversion to an integer type truncates towards zero and saturates; NaN becomes 0.
struct Copy {
  static constexpr int max_dims = 6;
  DType from, to;
  int rank;
  int64_t shape[max_dims];
  int64_t x_stride[max_dims], y_stride[max_dims];
  const void* x;
  void* y;
  Write to_y;
  /// In device memory, or null: shifts y by *y_row * y_row_stride elements. A replayed launch reads the
  /// current value.
  const int32_t* y_row = nullptr;
  int64_t y_row_stride = 0;
};

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

const Ladder<Copy>& ladder_of(const Copy&);

}  // namespace hewn
