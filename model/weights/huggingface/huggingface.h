#pragma once
// Models as Hugging Face's transformers keeps them: a directory with config.json and model.safetensors, or
// several files of tensors with model.safetensors.index.json.

#include <filesystem>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// What config.json says, of a GPT-2, Llama or Mistral model. Throws ErrorCode::input for another
/// architecture, and for settings that would make it compute something else than this program does.
ModelConfig huggingface_config(const std::string& json);

/// Whether a path is such a directory: config.json is there.
bool looks_like_huggingface(const std::filesystem::path& path);

/// Opens such a directory, with its tokenizer.json, or vocab.json and merges.txt. Throws ErrorCode::input
/// naming what is wrong.
ForeignModel open_huggingface(const std::string& directory);

}  // namespace hewn
