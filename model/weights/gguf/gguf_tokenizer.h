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

/// The name of a token that only pads the vocabulary to the model's size.
inline std::string gguf_padding_token(size_t id) { return "[PAD" + std::to_string(id) + "]"; }

/// The tokenizer in the key `own_tokenizer_key`; else GPT-2's byte pairs ("gpt2"; with only single bytes it
/// becomes a `byte` tokenizer, with only ASCII characters a `char` tokenizer) or Llama's ("llama"), without
/// padding tokens at the end. Null, with the reason in `why_not`, for other kinds and for tokenizers that
/// Hewn would apply differently. Throws ErrorCode::input if the key does not hold a tokenizer, or if its
/// number of tokens differs from the file's list.
std::shared_ptr<const Tokenizer> tokenizer_in(const GgufFile& file, std::string& why_not);

/// How the texts of the file's model begin and end: as implied by its tokenizer, with the ends and, for byte
/// pairs, the begin token named by its keys. Throws ErrorCode::input for keys of the wrong type, and for
/// tokens that do not exist.
TextForm texts_in(const GgufFile& file, const Tokenizer& tokenizer);

}  // namespace hewn
