#pragma once

#include "core/tape.h"
#include "kernels/activation/abi.h"

namespace hewn {

/// y = f(x), where f is a row of table.h: x of any shape, contiguous, f32, f64 or bf16 -> y of the same shape.
/// `none` returns x itself.
Tensor activation(Activation kind, const Tensor& x);

/// The gated unit of Llama: y = silu(gate) up (Shazeer, "GLU variants improve Transformer", 2020, equation 6), for a
/// joint projection: x [..., 2F] = gate | up -> [..., F].
Tensor swiglu(const Tensor& x);

/// SiLU and GELU composed of simple operations: the fused ones are tested against them.
Tensor silu_composed(const Tensor& x);
Tensor gelu_tanh_composed(const Tensor& x);
Tensor swiglu_composed(const Tensor& gate, const Tensor& up);

}  // namespace hewn
