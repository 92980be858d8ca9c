#pragma once
// The training of models that consist of counts: one pass over the data.

#include "model/model.h"
#include "train/data/data.h"

namespace hewn {

/// Counts the training data, if the model consists of counts (Model::counted), and returns the number of tokens counted;
/// 0 for other models. A document of aligned data is a sequence of its own and begins after a separator, as in
/// `Windows`; other splits are one sequence each. Every token counts once, whatever the weights of a mixture. Throws
/// ErrorCode::input for more tokens than can be counted.
int64_t count_training_data(Model& model, const Dataset& data);

/// Bytes of memory that this takes at most; 0 for other architectures.
double counting_bytes(const ModelConfig& config, const Dataset& data);

}  // namespace hewn
