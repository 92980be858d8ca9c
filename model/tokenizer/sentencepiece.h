#pragma once
// Byte pairs over characters as SentencePiece merges them (Kudo and Richardson 2018, "SentencePiece: A simple
// and language independent subword tokenizer and detokenizer for Neural Text Processing"), as Llama's
// tokenizers do: a text begins with a blank of its own, a character that the vocabulary lacks becomes its
// bytes.

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

/// How files write a blank.
inline constexpr std::string_view blank_sign = "\u2581";

/// Where encoding puts a blank that is not in the text; decoding takes it away.
enum class Blank {
  never,
  first,     ///< before the text
  each_part  ///< before the text and before what follows a special token in it
};

/// What such a tokenizer is made of. What is merged follows from `scores`, the highest first, if there are
/// any, else from `merges`, the first first.
struct SentencePieces {
  std::vector<std::string> texts;  ///< as in files: "▁the", "<0x0A>"; "▁" is a blank
  std::vector<Special> specials;
  std::vector<float> scores;
  std::vector<std::pair<std::string, std::string>> merges;
  Blank blank = Blank::each_part;
  int32_t begin = -1;  ///< the special token that a text begins with for the model; -1: none
};

/// Throws ErrorCode::input unless there is a token for each byte and nothing is there twice.
std::unique_ptr<Tokenizer> make_sentencepiece(SentencePieces pieces);

/// What a tokenizer of this kind was made of; null for other kinds.
const SentencePieces* sentence_pieces(const Tokenizer& tokenizer);

/// The byte that "<0x0A>" stands for, -1 for other texts.
int byte_named(std::string_view text);

/// Scores that the same merges follow from: its own, or such as fall with the order of its merges. Nothing
/// where no scores say the same.
std::optional<std::vector<float>> merge_scores(const SentencePieces& pieces);

/// From a tokenizer.json of Hugging Face's tokenizers whose model has "byte_fallback". Throws
/// ErrorCode::input for settings that would make other tokens than this program does.
std::unique_ptr<Tokenizer> read_sentencepiece(const nlohmann::json& file);

/// From llama2.c's tokenizer.bin: u32 length of the longest piece; for each token f32 score, i32 length,
/// bytes. Tokens 0, 1 and 2 are unknown, begin and end. Throws ErrorCode::input.
std::unique_ptr<Tokenizer> read_llama2c_tokenizer(std::string_view bytes);

/// The inverse, filled up to `vocab_size` tokens with such as no text holds. Nothing for tokenizers that the
/// file cannot express: without scores, other special tokens, or without a blank before a text.
std::optional<std::string> write_llama2c_tokenizer(const SentencePieces& pieces, int64_t vocab_size);

}  // namespace hewn::tokenizers
