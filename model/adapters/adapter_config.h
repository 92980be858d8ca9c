#pragma once
// adapter_config.json: PEFT's LoraConfig.

#include <string>
#include <utility>
#include <vector>

namespace hewn {

/// Values by suffix of a layer's name, in the order of the file: the first match counts.
template <class Value>
using LayerPattern = std::vector<std::pair<std::string, Value>>;

/// The part of PEFT's configuration that determines the change of the weights.
struct PeftConfig {
  int64_t rank = 8;
  double alpha = 8;
  bool root_of_rank = false;  ///< rsLoRA: the scale is alpha / sqrt(r) instead of alpha / r
  LayerPattern<int64_t> rank_pattern;
  LayerPattern<double> alpha_pattern;

  /// The rank of a layer, and the factor of its product.
  int64_t rank_of(const std::string& layer) const;
  double scale_of(const std::string& layer) const;
};

/// Throws ErrorCode::input if the text is not such a configuration, or requires a feature that Hewn lacks.
PeftConfig peft_config_from_json(const std::string& text);

/// The configuration that Hewn writes.
struct PeftDescription {
  int64_t rank = 8;
  double alpha = 16, dropout = 0;
  bool input_first = true;  ///< fan_in_fan_out: the layers' matrices are [in, out]
  std::vector<std::string> layers;
  std::vector<std::string> whole;  ///< modules_to_save
  std::string base;                ///< base_model_name_or_path
  bool classifies = false;
};
std::string to_json(const PeftDescription& description);

}  // namespace hewn
