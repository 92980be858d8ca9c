#pragma once
// Configurations of models as JSON, as runs and weight files store them.

#include <string>

#include "model/config.h"

namespace hewn {

/// Converts the config to a JSON object with one entry per key, without those of a classifier for a language
/// model, and back. Unknown keys, wrong types and
/// values out of range throw ErrorCode::input.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& json);

}  // namespace hewn
