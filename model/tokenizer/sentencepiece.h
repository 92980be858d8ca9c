#pragma once
// Byte pairs over characters, merged as in SentencePiece (Kudo and Richardson 2018, "SentencePiece: A simple and
// language independent subword tokenizer and detokenizer for Neural Text Processing") and Llama's tokenizers: a
// space is inserted before a text, and a character that is not in the vocabulary becomes its bytes.

#include <array>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/bpe_merges.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

/// The character that represents a space in files.
inline constexpr std::string_view blank_sign = "\u2581";

/// Where encoding inserts a space that is not in the text. Decoding removes it.
enum class Blank {
  never,
  first,     ///< before the text
  each_part  ///< before the text and after each special token in it
};

/// The parts of such a tokenizer. Merges are ordered by `scores`, highest first, if there are any; otherwise
/// as in `merges`.
struct SentencePieces {
  std::vector<std::string> texts;  ///< as in files: "▁the", "<0x0A>"; "▁" is a space
  std::vector<Special> specials;
  std::vector<float> scores;
  std::vector<std::pair<std::string, std::string>> merges;
  Blank blank = Blank::each_part;
  int32_t begin = -1;  ///< token at the beginning of a text for the model; -1: none
};

/// Throws ErrorCode::input unless there is a token for each byte and no duplicates.
std::unique_ptr<Tokenizer> make_sentencepiece(SentencePieces pieces);

/// The parts of a tokenizer of this kind; null for other kinds.
const SentencePieces* sentence_pieces(const Tokenizer& tokenizer);

/// The byte named by "<0x0A>"; -1 for other texts.
int byte_named(std::string_view text);

/// Scores that yield the same merges: the tokenizer's own, or scores that decrease in the order of its
/// merges. Empty if no scores yield the same.
std::optional<std::vector<float>> merge_scores(const SentencePieces& pieces);

/// Reads a tokenizer.json of Hugging Face's tokenizers whose model has "byte_fallback". Throws
/// ErrorCode::input for settings that would produce other tokens than this implementation.
std::unique_ptr<Tokenizer> read_sentencepiece(const nlohmann::json& file);

/// Reads llama2.c's tokenizer.bin: u32 length of the longest piece; for each token f32 score, i32 length,
/// bytes. Tokens 0, 1 and 2 are unknown, begin and end. Throws ErrorCode::input.
std::unique_ptr<Tokenizer> read_llama2c_tokenizer(std::string_view bytes);

/// The inverse, padded to `vocab_size` tokens with tokens that occur in no text. Empty for tokenizers that
/// the file cannot express: without scores, with other special tokens, or without a space before a text.
std::optional<std::string> write_llama2c_tokenizer(const SentencePieces& pieces, int64_t vocab_size);

}  // namespace hewn::tokenizers
