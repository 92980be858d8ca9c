#pragma once
// The names of parameters in files of Hugging Face's transformers. Ours are those of its GPT-2, with matrices
// [in, out] as there.

#include "model/weights/place.h"

namespace hewn {

/// GPT-2: the same names, with or without "transformer." before them (OpenAI's own files have none).
Naming gpt2_naming(bool prefix = true);

/// Llama and Mistral: "model.layers.0.self_attn.q_proj.weight", matrices [out, in], queries, keys, values and
/// the two halves of the gated MLP in tensors of their own.
Naming llama_naming();

}  // namespace hewn
