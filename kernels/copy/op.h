#pragma once

#include <vector>

#include "core/tape.h"

namespace hewn {

// Views and copies with gradients. Negative dimensions count from the back (-1 is the last).

/// x itself if its elements are contiguous, else a copy in row-major order.
Tensor contiguous(const Tensor& x);
/// The same elements in row-major order with another shape; one size may be -1 and follows from the others.
/// Copies only if x is not contiguous.
Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes);

/// x [...] as [..., 1], to be broadcast over rows.
Tensor as_column(const Tensor& x);

/// Views, which copy nothing.
Tensor transpose(const Tensor& x, int i, int j);
/// Dimension k of the result is dimension order[k] of x.
Tensor permute(const Tensor& x, const std::vector<int>& order);
/// Elements [start, start + length) along a dimension.
Tensor slice(const Tensor& x, int dim, int64_t start, int64_t length);
/// Consecutive slices of these lengths along a dimension; the lengths must add up to its size.
std::vector<Tensor> split(const Tensor& x, int dim, const std::vector<int64_t>& lengths);

/// Concatenates tensors of one dtype, whose shapes are equal except for dimension `dim`,
/// along that dimension.
Tensor concat(const std::vector<Tensor>& parts, int dim);
/// Converts to another element type; see kernels/copy/abi.h for conversions to integers, through which no
/// gradient flows.
Tensor cast(const Tensor& x, DType dtype);

/// The same without a gradient; x itself if it already has this type.
Tensor as_type(const Tensor& x, DType dtype);

/// y (set or add) x, of one shape, with any strides and dtypes. Not recorded on the tape.
void copy_into(const Tensor& y, const Tensor& x, Write to_y);

/// y[:, *row + t] = x[:, t], for x [B, T, ...] and y [B, rows, ...] with rows >= *row + T. `row` is i32 in
/// device memory; a replayed launch reads the current value. Not recorded on the tape.
void copy_into_rows(const Tensor& y, const Tensor& row, const Tensor& x);

}  // namespace hewn
