#pragma once
// A low-rank change of a layer's weight (Hu et al., "LoRA: low-rank adaptation of large language models", 2021).

#include "core/tensor.h"
#include "kernels/contract/launch.h"

namespace hewn {

/// Adds s A^T B to a weight W [in, out] without forming the sum: y gains s (d(x) A^T) B, where d is dropout. A and B
/// have the type of the weight; r is small, so that both products are cheap compared with x W.
struct LowRank {
  Tensor a = {};                    ///< [r, in], as in PEFT's files; undefined: no change
  Tensor b = {};                    ///< [r, out]
  Tensor a_bf16 = {}, b_bf16 = {};  ///< their bf16 copies; present if and only if the weight has one
  double scale = 1;                 ///< s
  double dropout = 0;               ///< the dropout probability in training, in [0, 1)
  uint32_t site = 0;                ///< the number of this dropout in the model
  Tensor step_state = {};           ///< u8 [sizeof(StepState)] on the device: training; undefined: d(x) = x

  bool defined() const { return a.defined(); }
  bool drops() const { return dropout > 0 && step_state.defined(); }
  /// A and B in the products' type.
  const Tensor& factor_a() const { return a_bf16.defined() ? a_bf16 : a; }
  const Tensor& factor_b() const { return b_bf16.defined() ? b_bf16 : b; }
};

}  // namespace hewn
