#pragma once
// Models as Hugging Face's transformers keeps them: a directory with config.json and model.safetensors, or several
// files of tensors with model.safetensors.index.json.

#include <memory>
#include <string>

#include "model/model.h"

namespace hewn {

/// What config.json says, of a GPT-2, Llama or Mistral model. Throws ErrorCode::input for another architecture, and for
/// settings that would make it compute something else than this program does.
ModelConfig huggingface_config(const std::string& json);

/// Opens such a directory. `block_size`, if not 0, crops the context; `grads` as make_model. Throws ErrorCode::input
/// naming what is missing, unknown or misshapen.
std::unique_ptr<Model> open_huggingface(const std::string& directory, Device& device, DType dtype = DType::f32,
                                        int64_t block_size = 0, bool grads = false);

}  // namespace hewn
