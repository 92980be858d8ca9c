#pragma once
// Reads the tokenizer of a GGUF file.

#include <memory>
#include <string>

#include "model/texts/texts.h"
#include "model/weights/gguf/gguf.h"

namespace hewn {

/// ggml's numbers for the kinds of tokens (llama.h, llama_token_type).
namespace gguf_token {
inline constexpr int32_t normal = 1, unknown = 2, control = 3, unused = 5, byte = 6;
}

/// The name of token `id` if it only pads the vocabulary to the model's size.
inline std::string gguf_padding_token(size_t id) { return "[PAD" + std::to_string(id) + "]"; }

/// That of the key `own_tokenizer_key`; else GPT-2's byte pairs ("gpt2"; with only single bytes it becomes a `byte`
/// tokenizer, with only ASCII characters a `char` tokenizer) or Llama's ("llama"), without padding tokens at the end.
/// Null, with the reason in `why_not`, for other kinds and for tokenizers that this program would apply differently.
/// Throws ErrorCode::input if the key is no tokenizer, or has another number of tokens than the file's own list.
std::shared_ptr<const Tokenizer> tokenizer_in(const GgufFile& file, std::string& why_not);

/// How the texts of the file's model begin and end: as its tokenizer says, with the ends and, for byte pairs, the begin that
/// its keys name. Throws ErrorCode::input for keys of the wrong type, and for tokens that do not exist.
TextForm texts_in(const GgufFile& file, const Tokenizer& tokenizer);

}  // namespace hewn
