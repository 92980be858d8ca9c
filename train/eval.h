#pragma once
// How good a model is on text it was not trained on.

#include <optional>

#include "model/model.h"
#include "train/data.h"

namespace hewn {

struct Evaluation {
  double loss = 0;     ///< nats per token, mean over all tokens that count
  int64_t tokens = 0;  ///< how many those were
  int64_t windows = 0;
  std::optional<double> bits_per_byte =
      {};                            ///< where the length of the text is known and all of it was scored
  std::optional<double> floor = {};  ///< exact -log P in nats per token, where the source knows it
  double perplexity() const;
};

/// The whole validation data in non-overlapping windows of `block_size` tokens; one document per window,
/// after a separator, where the data is aligned. Fails (ErrorCode::input) when there is none, or less than
/// one window.
Evaluation evaluate(Model& model, const Dataset& data, int64_t block_size);

/// The first `batches` batches of a loader: a quick and always equal estimate.
double estimate_loss(Model& model, const BatchLoader& loader, int64_t batches);

}  // namespace hewn
