#pragma once

#include "core/tape.h"
#include "kernels/activation/abi.h"

namespace hewn {

// Each takes x of any shape, contiguous, f32 or f64, and returns y of the same shape.

/// y = max(x, 0).
Tensor relu(const Tensor& x);
/// y = x sigmoid(x) (Ramachandran, Zoph, Le, "Searching for activation functions", 2017).
Tensor silu(const Tensor& x);
/// The GELU of GPT-2: y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (Hendrycks, Gimpel, 2016, section
/// 2).
Tensor gelu_tanh(const Tensor& x);
/// The exact GELU: y = x P(X < x) for a standard normal X, = x (1 + erf(x / sqrt 2)) / 2.
Tensor gelu_erf(const Tensor& x);
/// Any of them by name.
Tensor activation(Activation kind, const Tensor& x);

/// The gated unit of Llama: y = silu(gate) up, of one shape (Shazeer, "GLU variants improve Transformer",
/// 2020, equation 6).
Tensor swiglu(const Tensor& gate, const Tensor& up);
/// The same of one projection for both: x [..., 2F] = gate | up -> [..., F].
Tensor swiglu(const Tensor& x);

/// SiLU and GELU said slowly, in primitive operations: what the fused ones are compared with.
Tensor silu_composed(const Tensor& x);
Tensor gelu_tanh_composed(const Tensor& x);
Tensor swiglu_composed(const Tensor& gate, const Tensor& up);

}  // namespace hewn
