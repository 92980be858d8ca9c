#pragma once
// How good a model is on text it was not trained on.

#include <functional>
#include <optional>

#include "model/model.h"
#include "train/data/data.h"

namespace hewn {

struct Evaluation {
  double loss = 0;      ///< nats per token, mean over all tokens that count
  double accuracy = 0;  ///< fraction that the model found most likely; of equals the lowest id is
  int64_t tokens = 0;   ///< tokens that count
  int64_t windows = 0;
  std::optional<double> bits_per_byte = {};  ///< where the length of the text is known
  std::optional<double> floor = {};          ///< exact -log P per token in nats, if the source knows it
  double perplexity() const;
};

/// A token of the text, and the model's prediction of it.
struct ScoredToken {
  int32_t token = 0;
  double log_probability = 0;  ///< natural
  bool likeliest = false;      ///< no other token is more likely
};

struct EvalOptions {
  int64_t block_size = 0;
  /// 0: windows of `block_size` tokens that do not overlap; a last partial one is left out. 1 to block_size:
  /// the distance between the beginnings of windows; the last may be partial. A window scores only the tokens
  /// that no earlier window held, so every token but the first is scored once, and (once the text has that
  /// many) with at least block_size - stride tokens of context.
  int64_t stride = 0;
  std::function<void(const ScoredToken&)> each = {};  ///< called for every token that counts, in order
};

/// Scores all validation data. Data aligned to documents has one document per window, whatever the stride.
/// Throws ErrorCode::input when there is none, or less than one window.
Evaluation evaluate(Model& model, const Dataset& data, const EvalOptions& options);

/// Mean loss over the first `batches` batches of a loader: a quick estimate, always on the same text.
double estimate_loss(Model& model, const BatchLoader& loader, int64_t batches);

}  // namespace hewn
