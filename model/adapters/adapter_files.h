#pragma once
// Adapters in the files of PEFT (github.com/huggingface/peft): adapter_config.json and adapter_model.safetensors with
// tensors "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight" [r, in] and "....lora_B.weight" [out, r].
//
// For a model of Llama's family, the files use PEFT's names, with separate layers for queries, keys, values
// and the two halves of the gated MLP. Hewn concatenates these into one layer with a single A. In files
// written by Hewn, each of them has this A and its own columns of B, which is the same change. In files that
// Hewn reads, each may have its own A.

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

/// A parameter that the adapter holds as a whole: the head of a classifier, or a token table with new rows.
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

/// Reads an adapter for a model; only the model's names and shapes are used. Throws ErrorCode::input with the
/// first mismatches if the adapter was made for another model, and for unsupported kinds of adapters (DoRA,
/// biases, other heads).
AdapterFiles read_adapter(const std::string& directory, Model& declared);

/// Restores the matrices of a model's own adapters and the parameters trained with them. Throws
/// ErrorCode::input unless the files have the same layers and ranks, like those of `write_adapter`.
void load_adapter(const std::string& directory, Model& model);

/// The files of a model's adapters and other trained parameters. `base` is the model's name for PEFT.
struct WrittenAdapter {
  FileSum weights, config;
};
WrittenAdapter write_adapter(const std::string& directory, Model& model, const std::string& base);

}  // namespace hewn
