#pragma once
// How good a model is on text it was not trained on.

#include <functional>
#include <optional>

#include "model/model.h"
#include "train/data/data.h"

namespace hewn {

struct Evaluation {
  double loss = 0;      ///< nats per token, mean over all tokens that count
  double accuracy = 0;  ///< the part of them that the model found likeliest, the lowest id of equals
  int64_t tokens = 0;   ///< how many those were
  int64_t windows = 0;
  std::optional<double> bits_per_byte = {};  ///< where the length of the text is known
  std::optional<double> floor = {};          ///< exact -log P in nats per token, where the source knows it
  double perplexity() const;
};

/// A token of the text, and what the model thought of it.
struct ScoredToken {
  int32_t token = 0;
  double log_probability = 0;  ///< natural
  bool likeliest = false;
};

struct EvalOptions {
  int64_t block_size = 0;
  /// 0: non-overlapping windows of `block_size` tokens, without a last partial one. Otherwise windows begin
  /// so many tokens apart, 1 to block_size, and the last may be partial. In each only the tokens that no
  /// window before held are scored: all of the text but its first token, each after at least block_size -
  /// stride tokens of context once there are so many.
  int64_t stride = 0;
  std::function<void(const ScoredToken&)> each = {};  ///< called for every token that counts, in order
};

/// Scores the whole validation data; one document per window, after a separator, where it is aligned,
/// whatever the stride. Fails (ErrorCode::input) when there is none, or too little for one window.
Evaluation evaluate(Model& model, const Dataset& data, const EvalOptions& options);

/// The first `batches` batches of a loader: a quick and always equal estimate.
double estimate_loss(Model& model, const BatchLoader& loader, int64_t batches);

}  // namespace hewn
