#pragma once
// Training of counted models: one pass over the data.

#include "model/model.h"
#include "train/data/data.h"

namespace hewn {

/// Counts the training data of a counted model (Model::counted), and returns the number of tokens counted; 0
/// for other models. Each document of aligned data is one sequence and begins after a separator, as in
/// `Windows`; any other split is a single sequence. Every token counts once, whatever the weights of a
/// mixture. Throws ErrorCode::input for more tokens than can be counted.
int64_t count_training_data(Model& model, const Dataset& data);

/// The maximum memory that counting takes, in bytes; 0 for other architectures.
double counting_bytes(const ModelConfig& config, const Dataset& data);

}  // namespace hewn
