#pragma once
// The model's predictions of given tokens.

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace hewn {

/// A token of the text, and the model's prediction of it.
struct ScoredToken {
  int32_t token = 0;
  double log_probability = 0;  ///< natural
  bool likeliest = false;      ///< no other token is more likely
};

/// The prediction of each target by its row of logits [..., V] (f32 or f64), in order, without those that are
/// `ignored_target`. Throws usage unless their number equals the number of rows, input if one is not in the
/// vocabulary.
std::vector<ScoredToken> score_targets(const Tensor& logits, std::span<const int32_t> targets);

}  // namespace hewn
