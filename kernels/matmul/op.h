#pragma once

#include "core/tape.h"

namespace hewn {

/// y = op(a) op(b) over the last two dimensions; op transposes if `trans` is set. a [..., M, K] and b
/// [..., K, N] (after op) give [..., M, N]; the leading dimensions broadcast. Any strides are supported
/// if the rows or the columns of a matrix are dense: transposed and sliced views are multiplied without
/// a copy. f32 or f64.
Tensor matmul(const Tensor& a, const Tensor& b, bool trans_a = false, bool trans_b = false);

/// c (set or add) alpha a b without the tape, for other rooms: a [..., M, K], b [..., K, N], c [..., M, N]
/// with dense rows. a and b broadcast to c; dimensions that c lacks are summed over.
void multiply(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c, double alpha = 1);

}  // namespace hewn
