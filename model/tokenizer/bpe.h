#pragma once
// A byte pair vocabulary, however it was come by.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/bpe_merges.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

/// What a byte pair tokenizer is made of. `pieces[id]` are the bytes of a token, or the text of a special
/// one.
struct BpeVocabulary {
  std::vector<std::string> pieces;
  std::vector<Merge> merges;      ///< the first learnt first
  std::vector<Special> specials;  ///< by id
};

/// Throws ErrorCode::input unless there is a token for each byte.
std::unique_ptr<Tokenizer> make_bpe(BpeVocabulary vocabulary);

/// From GPT-2's two files: an object of token texts and ids, and a list of merges, one a line. Throws
/// ErrorCode::input.
std::unique_ptr<Tokenizer> read_gpt2_vocabulary(std::string_view vocab_json, std::string_view merges);

/// Bytes as the printable characters that GPT-2's files write them in, one each, and back. Throws
/// ErrorCode::input for text with other characters.
std::string to_printable(std::string_view bytes);
std::string from_printable(std::string_view text);
/// The bytes in the order of their printable characters: the first 256 tokens of GPT-2.
std::array<unsigned char, 256> printable_order();

}  // namespace hewn::tokenizers
