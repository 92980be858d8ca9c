#pragma once
// How the texts of a Hugging Face model begin and end.

#include <map>
#include <string>

#include "model/texts/texts.h"

namespace hewn {

/// The contents of config.json, generation_config.json, tokenizer_config.json, special_tokens_map.json,
/// tokenizer.json and texts.json by name; missing files are absent.
using TextFacts = std::map<std::string, std::string, std::less<>>;

/// The form in texts.json; else `form_of(tokenizer)`, changed by these files as docs/import.md lists. Throws
/// ErrorCode::input, naming file and key, for values of the wrong type, and for a begin token that does not
/// exist.
TextForm huggingface_texts(const TextFacts& files, const Tokenizer& tokenizer);

}  // namespace hewn
