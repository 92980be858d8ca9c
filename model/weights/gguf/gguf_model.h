#pragma once
// GPT-2 and Llama models in GGUF files, under llama.cpp's names.

#include <filesystem>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// Whether the file begins with GGUF.
bool looks_like_gguf(const std::filesystem::path& path);

class GgufHead;

/// The model that a file describes. Throws ErrorCode::input.
ModelConfig gguf_config(const GgufHead& file);

/// Opens a GGUF model, with its tokenizer if that is of GPT-2's or Llama's kind. Throws ErrorCode::input
/// naming the problem, also for architectures other than "gpt2" and "llama".
ForeignModel open_gguf(const std::string& path);

/// "blk.0.attn_qkv.weight" and so on: matrices are [out, in]; with rotary positions, queries, keys and values
/// are separate tensors, otherwise one.
Naming gguf_naming();

}  // namespace hewn
