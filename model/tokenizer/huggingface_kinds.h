#pragma once
// byte, char, word and regex as a tokenizer.json of Hugging Face's tokenizers, which then makes the same ids of a
// text: bytes as byte pairs that are never merged, characters as a vocabulary without merges, words as a list of
// words. The kinds bpe and sentencepiece are kept in that format anyway.

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

/// The file's text; nothing for other kinds.
std::optional<std::string> huggingface_text(const Tokenizer& tokenizer);

/// The inverse: the tokenizer of a file that cuts and joins text as one of these kinds does, also where another
/// program has saved it again. Null for any other file. Throws ErrorCode::input or a JSON exception for a
/// vocabulary that is none of the kind.
std::unique_ptr<Tokenizer> read_huggingface_kind(const nlohmann::json& file);

}  // namespace hewn::tokenizers
