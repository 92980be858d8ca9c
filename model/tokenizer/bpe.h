#pragma once
// Byte pair vocabularies from any source.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/bpe_merges.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

/// The parts of a byte pair tokenizer. `pieces[id]` holds the bytes of a token, or the text of a special token.
struct BpeVocabulary {
  std::vector<std::string> pieces;
  std::vector<Merge> merges;      ///< in the order in which they were learned
  std::vector<Special> specials;  ///< by id
};

/// Throws ErrorCode::input unless there is a token for each byte.
std::unique_ptr<Tokenizer> make_bpe(BpeVocabulary vocabulary);

/// Reads GPT-2's two files: an object that maps token texts to ids, and a list of merges, one per line.
/// Throws ErrorCode::input.
std::unique_ptr<Tokenizer> read_gpt2_vocabulary(std::string_view vocab_json, std::string_view merges);

/// Converts bytes to the printable characters that represent them in GPT-2's files, one character per byte,
/// and back. Throws ErrorCode::input for text with other characters.
std::string to_printable(std::string_view bytes);
std::string from_printable(std::string_view text);
/// The bytes in the order of their printable characters: the first 256 tokens of GPT-2.
std::array<unsigned char, 256> printable_order();

}  // namespace hewn::tokenizers
