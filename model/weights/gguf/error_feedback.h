#pragma once
// Rounding of matrices that makes up for the error of each column in the columns after it.

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// GPTQ (Frantar et al. 2023, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers") in the
/// form of Chee et al. 2023 ("QuIP", theorem 1). A row w of W that becomes v changes the results of products with it by
/// (w - v) H (w - v)^T in the mean of squares, H the mean of x^T x over inputs x. With H = (I + U) D (I + U)^T, U strictly
/// upper triangular and D diagonal, that is the sum over columns j of D_jj ((w - v)_j + sum over i < j of (w - v)_i U_ij)^2.
/// So v_j is the value of the format that is nearest to w_j + sum_i (w - v)_i U_ij, column after column.
class ErrorFeedback {
 public:
  /// `products`: H, [cols, cols]. A hundredth of the mean of its diagonal is added to the diagonal, as in GPTQ, so that
  /// what was read by chance in few rows does not decide.
  ErrorFeedback(Executor& device, const std::vector<float>& products);

  int64_t cols() const { return static_cast<int64_t>(d_.size()); }

  /// The rows of W, [rows, cols], in blocks of a format that `multiplied_as_they_are` accepts and whose elements divide
  /// the columns. A block's scales are those of EncodeBlocks for what its columns shall become, with D as importance. The
  /// bytes do not depend on the number of threads.
  std::vector<uint8_t> encode(Executor& device, BlockType format, std::span<const float> w) const;

 private:
  std::vector<float> u_;  ///< [cols, cols]; only what is above the diagonal is used
  std::vector<float> d_;  ///< [cols]
};

}  // namespace hewn
