#pragma once
// The forward and backward pass of a low-rank change; called by op.cpp along with the products with W.

#include "core/tape.h"
#include "kernels/linear/low_rank.h"

namespace hewn {

/// Throws usage unless A and B fit rows of x [..., in] and y [..., out], have type `type`, and have bf16
/// copies if and only if `bf16`.
void check_low_rank(const LowRank& change, int64_t in, int64_t out, DType type, bool bf16);

/// u = d(x) A^T, [N, r], of the type of the products' operands; x [N, in] in the type of the product.
Tensor reduced(const LowRank& change, const Tensor& x);
/// y += s u B, y [N, out].
void add_expanded(const LowRank& change, const Tensor& u, const Tensor& y);

/// The same after a forward pass, for the gradients: v = s dy B^T, dB = s u^T dy, dA = v^T d(x), and dx gains d(v A).
struct SavedLowRank {
  Saved a, b, u;  ///< A and B in the products' type
  double scale = 1, dropout = 0;
  uint32_t site = 0;
  const StepState* state = nullptr;  ///< null: no dropout

  SavedLowRank() = default;
  SavedLowRank(const LowRank& change, const Tensor& reduced_x);
  bool defined() const { return a.defined(); }

  /// v, [N, r]; dy [N, out] in the type of the product.
  Tensor reduced_gradient(const Tensor& dy) const;
  void add_to_input(const Tensor& v, const Tensor& dx) const;
  void gradient_of_a(const Tensor& v, const Tensor& x, const Grads::Target& da) const;
  void gradient_of_b(const Tensor& dy, const Grads::Target& db) const;
};

}  // namespace hewn
