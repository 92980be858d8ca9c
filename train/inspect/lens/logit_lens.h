#pragma once
// The predictions of a transformer after each of its blocks, and the gradient of its loss with respect to the
// head.

#include <cstdint>
#include <vector>

#include "model/gpt.h"

namespace hewn {

struct TokenShare {
  int32_t token = 0;
  double share = 0;  ///< a probability, or a change of a logit
};

/// A prediction at one position.
struct LensCell {
  std::vector<TokenShare> top;  ///< the likeliest tokens first
  double target = 0;            ///< probability of the token that follows
  int64_t rank = 0;             ///< number of likelier tokens
};

/// The predictions at the first positions from the residual stream [1, T, C] after one block, as if it were the last
/// ("the logit lens", nostalgebraist, 2020). `targets` has the tokens that follow.
std::vector<LensCell> lens_cells(Gpt& model, const Tensor& stream, const std::vector<int32_t>& targets,
                                 size_t top);

/// The gradient of the mean loss by the logits at a position: p - [target], divided by the number of positions.
struct PositionPush {
  int32_t target = 0;
  double probability = 0;        ///< share of the target: its logit is pushed up by 1 - p
  std::vector<TokenShare> down;  ///< the other tokens pushed down most, each by its p
};

/// The effect of a gradient descent step on the head's matrix: dW = sum_t dlogits_t x_t^T.
struct HeadPush {
  std::vector<PositionPush> positions;
  /// Tokens whose logit rises and falls most, per unit of the learning rate: -dW_v . x, x the mean of the states.
  std::vector<TokenShare> up, down;
  std::vector<double> row_norms;  ///< [V]: of the rows of dW
};

/// The same for the first positions; `stream` is the residual stream after the last block.
HeadPush head_push(Gpt& model, const Tensor& stream, const std::vector<int32_t>& targets, size_t top);

}  // namespace hewn
