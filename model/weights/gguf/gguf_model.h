#pragma once
// GPT-2 and Llama models in GGUF files, with the names of llama.cpp.

#include <filesystem>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// Whether a path is such a file: it begins with GGUF.
bool looks_like_gguf(const std::filesystem::path& path);

/// Opens one, with its tokenizer where that is GPT-2's or Llama's kind. Throws ErrorCode::input naming what
/// is wrong, and for architectures other than "gpt2" and "llama".
ForeignModel open_gguf(const std::string& path);

/// "blk.0.attn_qkv.weight" and the like: matrices [out, in], with rotary positions queries, keys and values
/// in tensors of their own, else together.
Naming gguf_naming();

}  // namespace hewn
