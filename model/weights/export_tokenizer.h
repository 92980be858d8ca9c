#pragma once
// Tokenizers in the formats of other programs.

#include <optional>
#include <string>

#include "model/texts/texts.h"
#include "model/weights/gguf/gguf.h"

namespace hewn::exporting {

/// The tokenizer in the format of Hugging Face's tokenizers (tokenizer.json), which then yields the same ids, the begin
/// token included; empty for kinds that it cannot express. `load_tokenizer` reads it back as the same tokenizer.
std::optional<std::string> huggingface_tokenizer(const TextEncoder& texts);

/// The keys "tokenizer.ggml.*" of a GGUF file, with `vocab_size` tokens, those beyond the tokenizer's unused.
/// Empty if llama.cpp would yield other ids for UTF-8 text: for words, for characters with a replacement for
/// unknown ones, and for Llama's kind if no scores reproduce its merges.
std::optional<GgufKeys> gguf_tokenizer(const Tokenizer& tokenizer, int64_t vocab_size);

/// The keys for the begin and end of texts, with one of our own where the standard keys do not suffice.
GgufKeys gguf_texts(const TextForm& form);

}  // namespace hewn::exporting
