#pragma once
// Configurations of models as JSON, as runs and weight files store them.

#include <string>

#include "model/config.h"

namespace hewn {

/// Converts the config to a JSON object with one entry per key, and back; a language model has no entries for
/// a classifier's keys. Unknown keys, wrong types and values out of range throw ErrorCode::input.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& json);

}  // namespace hewn
