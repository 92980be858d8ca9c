#pragma once

#include "core/tape.h"
#include "kernels/rotary/abi.h"

namespace hewn {

/// How rows are rotated according to their position.
struct RotaryOptions {
  RotaryPairs pairs = RotaryPairs::half;
  double base = 10000;   ///< of the frequencies base^(-2i / D), > 0
  int64_t start = 0;     ///< position of the first row; in decoding, the number of rows in the cache
  Tensor position = {};  ///< `start` as i32 on the device, or undefined; for captured launches on GPUs
};

/// Rotary positions: x [B, H, T, D], D even, f32, f64 or bf16, of any strides with contiguous rows -> y [B, H, T,
/// D], contiguous. Row t is rotated by the angles (start + t) base^(-2i / D), so q_i . k_j depends on the
/// positions i and j only through i - j.
Tensor rotary(const Tensor& x, const RotaryOptions& options = {});

/// The same for the first `rotated` heads of a packed projection x [B, T, n_head D], contiguous; the other
/// heads (the values) are copied.
Tensor rotary_packed(const Tensor& x, int64_t n_head, int64_t rotated, const RotaryOptions& options = {});

}  // namespace hewn
