#pragma once
// Models in the layout of Hugging Face's transformers: a directory with config.json and model.safetensors, or
// with several tensor files and model.safetensors.index.json.

#include <filesystem>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// The configuration in the config.json of a GPT-2, Llama or Mistral model. Throws ErrorCode::input for other
/// architectures, and for settings that Hewn would compute differently.
ModelConfig huggingface_config(const std::string& json);

/// Whether the directory contains config.json.
bool looks_like_huggingface(const std::filesystem::path& path);

/// Opens such a directory, with its tokenizer.json, or vocab.json and merges.txt. Throws ErrorCode::input
/// naming the problem.
ForeignModel open_huggingface(const std::string& directory);

}  // namespace hewn
