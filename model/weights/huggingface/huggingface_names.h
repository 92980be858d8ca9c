#pragma once
// Parameter names in files of Hugging Face's transformers. Hewn's names are those of its GPT-2, and so is the
// [in, out] layout of matrices.

#include "model/weights/place.h"

namespace hewn {

/// GPT-2: the same names, with or without the prefix "transformer." (OpenAI's own files have none).
Naming gpt2_naming(bool prefix = true);

/// Llama and Mistral: "model.layers.0.self_attn.q_proj.weight", [out, in] matrices; queries, keys, values and
/// the two halves of the gated MLP are separate tensors.
Naming llama_naming();

}  // namespace hewn
