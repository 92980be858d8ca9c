#pragma once
// The tokenizer that a GGUF file holds.

#include <memory>
#include <string>

#include "model/tokenizer/tokenizer.h"
#include "model/weights/gguf/gguf.h"

namespace hewn {

/// What ggml calls the kinds of tokens (llama.h, llama_token_type).
namespace gguf_token {
inline constexpr int32_t normal = 1, unknown = 2, control = 3, unused = 5, byte = 6;
}

/// The name of token `id` that fills a vocabulary up to the model's.
inline std::string gguf_padding_token(size_t id) { return "[PAD" + std::to_string(id) + "]"; }

/// GPT-2's byte pairs ("gpt2"; of single bytes alone it is a `byte`, of ASCII characters alone a `char`
/// tokenizer), or Llama's ("llama"), without the tokens that fill the vocabulary up at its end. Null for
/// other kinds and for what this program would encode differently, and why.
std::shared_ptr<const Tokenizer> tokenizer_in(const GgufFile& file, std::string& why_not);

}  // namespace hewn
