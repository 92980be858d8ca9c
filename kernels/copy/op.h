#pragma once

#include <vector>

#include "core/tape.h"

namespace hewn {

// Views and copies with gradients. Dimensions may be counted from the back (-1 is the last).

/// x itself when its elements are contiguous, else a copy in row-major order.
Tensor contiguous(const Tensor& x);
/// The same elements in row-major order under another shape; one size may be -1 and follows from the rest. A
/// copy only where x is not contiguous.
Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes);

/// Views: no element moves.
Tensor transpose(const Tensor& x, int i, int j);
/// Dimension k of the result is dimension order[k] of x.
Tensor permute(const Tensor& x, const std::vector<int>& order);
/// Elements [start, start + length) along a dimension.
Tensor slice(const Tensor& x, int dim, int64_t start, int64_t length);
/// Consecutive slices of these lengths along a dimension, which they fill.
std::vector<Tensor> split(const Tensor& x, int dim, const std::vector<int64_t>& lengths);

/// Tensors of one dtype whose shapes agree but for dimension `dim`, one after the other along it.
Tensor concat(const std::vector<Tensor>& parts, int dim);
/// As another element type; see kernels/copy/abi.h for conversions to integers, through which no gradient
/// flows.
Tensor cast(const Tensor& x, DType dtype);

/// The same without a gradient; x itself where it has the type already.
Tensor as_type(const Tensor& x, DType dtype);

/// y (set or add) x, of one shape, any strides, any dtypes. Not recorded.
void copy_into(const Tensor& y, const Tensor& x, Write to_y);

}  // namespace hewn
