#pragma once

#include "core/base/not_copied.h"
#include "core/tape.h"
#include "kernels/matmul/abi.h"

namespace hewn {

/// y = op(a) op(b) over the last two dimensions; op transposes if `trans` is set. a [..., M, K] and b
/// [..., K, N] (after op) give [..., M, N]; the leading dimensions broadcast. Any strides are supported
/// if the rows or the columns of a matrix are dense: transposed and sliced views are multiplied without
/// a copy. f32 or f64.
Tensor matmul(const Tensor& a, const Tensor& b, bool trans_a = false, bool trans_b = false);

/// c (set or add) alpha a b without the tape, for other rooms: a [..., M, K], b [..., K, N], c [..., M, N]
/// with dense rows. a and b broadcast to c; dimensions that c lacks are summed over.
void multiply(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c, double alpha = 1);

/// The arguments of c (set or add) a b for matrices a [M, K], b [K, N] and c [M, N] with dense rows, or
/// columns (not c).
Matmul product_of(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c);

/// Runs a product, in TF32 if the device is configured for it (GpuRuntime::tf32), with independent rows if
/// the caller requires that (RowsApart).
void run_product(Device& device, Matmul m);

/// While it lives, matrix products that this thread calls on a CPU use only kernels that give every row of
/// the result the same bits as if computed alone. This excludes AMX, since kernels for few rows add in
/// another order.
class RowsApart : NotCopied {
 public:
  RowsApart() { ++depth; }
  ~RowsApart() { --depth; }

  static bool on() { return depth > 0; }

 private:
  static inline thread_local int depth = 0;
};

}  // namespace hewn
