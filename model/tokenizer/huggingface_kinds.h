#pragma once
// Writes and reads byte, char, word and regex tokenizers as a tokenizer.json of Hugging Face's tokenizers
// that produces the same ids: bytes as byte pairs without merges, characters as a vocabulary without merges,
// words as a list of words. The kinds bpe and sentencepiece always use that format.

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

/// The file's content; empty for other kinds.
std::optional<std::string> huggingface_text(const Tokenizer& tokenizer);

/// The inverse: reads a file that splits and joins text like one of these kinds, even if another program has
/// rewritten it. Null for any other file. Throws ErrorCode::input or a JSON exception if the vocabulary does
/// not fit the kind.
std::unique_ptr<Tokenizer> read_huggingface_kind(const nlohmann::json& file);

/// The token that such a file puts before every text. Throws ErrorCode::input if it adds other tokens.
std::optional<int32_t> begin_of_kind(const nlohmann::json& file, const Tokenizer& tokenizer);

}  // namespace hewn::tokenizers
