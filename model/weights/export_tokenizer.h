#pragma once
// Tokenizers as other programs read them.

#include <optional>
#include <string>

#include "model/tokenizer/tokenizer.h"
#include "model/weights/gguf/gguf.h"

namespace hewn::exporting {

/// The tokenizer in the format of Hugging Face's tokenizers (tokenizer.json), which then makes the same ids of
/// a text; nothing for kinds that it cannot express. `load_tokenizer` makes the same tokenizer of it again.
std::optional<std::string> huggingface_tokenizer(const Tokenizer& tokenizer);

/// The keys "tokenizer.ggml.*" of a GGUF file, with `vocab_size` tokens, those beyond the tokenizer's unused.
/// Nothing where llama.cpp would make other ids of a text: of words, of characters beyond ASCII,
/// and of Llama's kind with merges that follow from no scores.
std::optional<GgufKeys> gguf_tokenizer(const Tokenizer& tokenizer, int64_t vocab_size);

}  // namespace hewn::exporting
