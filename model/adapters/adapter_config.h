#pragma once
// adapter_config.json: PEFT's LoraConfig.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/model.h"

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

// The names of adapted layers in PEFT's files.

/// Columns of one of our matrices that form a separate layer in another program.
struct NamedColumns {
  Parameter* parameter = nullptr;
  int64_t first = 0, width = 0;
  bool rotary = false;  ///< queries or keys whose rotary pairs have another order there
};

/// Whether a model is written with Llama's names; otherwise with GPT-2's, which are ours.
bool has_llama_names(const ModelConfig& config);

/// The layers of a declared model that take an adapter, by name: "model.layers.0.self_attn.q_proj". With
/// `other_names`, also the names in files of the transformer without its head: "layers.0.self_attn.q_proj".
std::map<std::string, NamedColumns> layers_by_name(Model& declared, bool other_names);

/// The parameters that an adapter may hold as a whole, by name: "score.weight", "model.embed_tokens.weight",
/// "lm_head.weight".
std::map<std::string, Parameter*> whole_by_name(Model& declared);

/// Reorders the rotary pairs of queries or keys, [rows, width], from the halves of Hugging Face to the model's order,
/// or the reverse.
void reorder_rotary(std::vector<double>& values, const NamedColumns& columns, const ModelConfig& config,
                    bool to_ours);

}  // namespace hewn
