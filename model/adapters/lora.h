#pragma once
// Low-rank adapters (Hu et al., "LoRA: low-rank adaptation of large language models", 2021): the weights of
// some linear layers are frozen, and a product of two small trained matrices is added to each.

#include <string>

#include "model/model.h"

namespace hewn {

struct LoraConfig {
  int64_t rank = 8;
  double alpha = 16;   ///< the change is scaled by alpha / rank
  double dropout = 0;  ///< of the input of A
  /// Patterns of layer names, separated by commas, with * for any text: "c_attn", "h.0.*", "*.mlp.*". A
  /// pattern matches a layer if it matches its name, "transformer.h.0.attn.c_attn", or the part of the name
  /// after some dot. "": all linear layers of the blocks.
  std::string layers;
};

/// Declares NAME.lora_A.weight [r, in], uniform within 1 / sqrt(in) as in PEFT, and NAME.lora_B.weight [r, out], zero,
/// for every matching layer of a declared model. Throws usage, with the names of all layers, if a pattern matches none.
void add_adapters(Model& declared, const LoraConfig& config);

/// The parameters with an adapter, in the order of the model.
std::vector<Parameter*> adapted(Model& model);

/// "transformer.h.0.attn.c_attn" for the parameter "transformer.h.0.attn.c_attn.weight".
std::string layer_name(const Parameter& weight);

}  // namespace hewn
