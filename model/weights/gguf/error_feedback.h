#pragma once
// Rounding of matrices with error feedback: later columns compensate the error of earlier ones.

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// GPTQ (Frantar et al. 2023, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
/// Transformers") in the form of Chee et al. 2023 ("QuIP", theorem 1). Rounding a row w of W to v changes the
/// results of products by (w - v) H (w - v)^T in the mean square, where H is the mean of x^T x over inputs x.
/// With H = (I + U) D (I + U)^T, U strictly upper triangular and D diagonal, that is the sum over columns j
/// of D_jj ((w - v)_j + sum over i < j of (w - v)_i U_ij)^2. So v_j is the format's value nearest to w_j +
/// sum_i (w - v)_i U_ij, column by column.
class ErrorFeedback {
 public:
  /// `products`: H, [cols, cols]. A hundredth of the mean of its diagonal is added to the diagonal, as in
  /// GPTQ, to damp the noise of few rows.
  ErrorFeedback(Executor& device, const std::vector<float>& products);

  int64_t cols() const { return static_cast<int64_t>(d_.size()); }

  /// Encodes the rows of W, [rows, cols], in a format that `multiplied_as_they_are` accepts and whose block
  /// size divides `cols`. The scales of a block are those of EncodeBlocks for its target values, with D as
  /// importance. The bytes do not depend on the number of threads.
  std::vector<uint8_t> encode(Executor& device, BlockType format, std::span<const float> w) const;

 private:
  std::vector<float> u_;  ///< [cols, cols]; only elements above the diagonal are used
  std::vector<float> d_;  ///< [cols]
};

}  // namespace hewn
