#pragma once
// Byte pair tokenizers from any source.

#include <memory>
#include <nlohmann/json_fwd.hpp>
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
  int32_t begin = -1;             ///< token at the beginning of a text for the model; -1: none
};

/// Throws ErrorCode::input unless there is a token for each byte.
std::unique_ptr<Tokenizer> make_bpe(BpeVocabulary vocabulary);

/// Reads GPT-2's two files: an object that maps token texts to ids, and a list of merges, one per line.
/// Special tokens are those listed as in tokenizer.json, and texts such as <|endoftext|>. Throws
/// ErrorCode::input or a JSON exception.
std::unique_ptr<Tokenizer> read_gpt2_vocabulary(const nlohmann::json& vocab, std::string_view merges,
                                                const nlohmann::json& added);

/// Converts bytes to the printable characters that represent them in GPT-2's files, one character per byte,
/// and back. Throws ErrorCode::input for text with other characters.
std::string to_printable(std::string_view bytes);
std::string from_printable(std::string_view text);
/// The bytes in the order of their printable characters: the first 256 tokens of GPT-2.
std::array<unsigned char, 256> printable_order();

}  // namespace hewn::tokenizers
