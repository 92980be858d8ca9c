#pragma once

#include "core/tape.h"

namespace hewn {

/// y = op(a) op(b) over the last two dimensions; op transposes them where `trans` says so. a [..., M, K] and
/// b [..., K, N] (as op leaves them) give [..., M, N]; the leading dimensions broadcast. Any strides as long
/// as rows or columns of a matrix are dense: transposed and sliced views multiply as they stand. f32 or f64.
Tensor matmul(const Tensor& a, const Tensor& b, bool trans_a = false, bool trans_b = false);

/// c (set or add) alpha a b without the tape, for other rooms: a [..., M, K], b [..., K, N], c [..., M, N]
/// with dense rows. a and b broadcast to c, and c to them: its missing dimensions are summed over.
void multiply(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c, double alpha = 1);

}  // namespace hewn
