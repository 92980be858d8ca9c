#pragma once
// The names of adapted layers in PEFT's files.

#include <map>
#include <string>

#include "model/model.h"

namespace hewn {

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
