#pragma once
// Adapters in the files of PEFT (github.com/huggingface/peft): adapter_config.json and adapter_model.safetensors with
// tensors "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight" [r, in] and "....lora_B.weight" [out, r].
//
// A model of Llama's family has PEFT's names for it, where queries, keys and values, and the two halves of the gated
// MLP, are layers of their own. Hewn's layer is all of them side by side, with one A: written, each gets this A and
// its own columns of B, which is the same change. Read, each may have its own A.

#include <string>
#include <vector>

#include "core/io/file.h"
#include "model/adapters/lora.h"

namespace hewn {

inline constexpr const char* adapter_weights_file = "adapter_model.safetensors";
inline constexpr const char* adapter_config_file = "adapter_config.json";

/// A change of some columns of a matrix [in, out]: W gains scale A^T B there.
struct LowRankChange {
  std::string parameter;         ///< our name
  int64_t first = 0, width = 0;  ///< columns
  int64_t rank = 0;
  double scale = 1;
  std::vector<double> a;  ///< [rank, in]
  std::vector<double> b;  ///< [rank, width]
};

/// A parameter that the adapter holds as a whole: the head of a classifier, or a table of tokens, some of which are new.
struct WholeParameter {
  std::string parameter;
  std::vector<double> values;
};

struct AdapterFiles {
  std::vector<LowRankChange> changes;
  std::vector<WholeParameter> whole;
};

/// Whether a directory contains an adapter.
bool holds_adapter(const std::string& directory);

/// Reads an adapter for a model, of which names and shapes matter. Throws ErrorCode::input with the first mismatches
/// if it was made for another model, and for kinds of adapters that cannot be applied (DoRA, biases, other heads).
AdapterFiles read_adapter(const std::string& directory, Model& declared);

/// Restores the matrices of a model's own adapters, and the parameters that train beside them. Throws
/// ErrorCode::input unless the files have the same layers and ranks, as those of `write_adapter` do.
void load_adapter(const std::string& directory, Model& model);

/// The files of a model's adapters, and of other parameters that train. `base` is the model's name for PEFT.
struct WrittenAdapter {
  FileSum weights, config;
};
WrittenAdapter write_adapter(const std::string& directory, Model& model, const std::string& base);

}  // namespace hewn
