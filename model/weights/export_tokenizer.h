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
/// Empty where llama.cpp would yield other ids for text in UTF-8: for words, for characters that replace unknown ones, and
/// for Llama's kind if no scores yield its merges.
std::optional<GgufKeys> gguf_tokenizer(const Tokenizer& tokenizer, int64_t vocab_size);

/// The keys that say how texts begin and end; one of our own where the others cannot.
GgufKeys gguf_texts(const TextForm& form);

}  // namespace hewn::exporting
