#pragma once
// The kinds of tokenizers, each implemented in its own file. Only the table in tokenizer.cpp uses this header.

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

using Texts = std::span<const std::string_view>;

/// Operations of a kind: learn a vocabulary, and read one from the JSON object of a file.
std::unique_ptr<Tokenizer> train_byte(Texts texts, const TokenizerOptions& options);
std::unique_ptr<Tokenizer> read_byte(const nlohmann::json& file);
std::unique_ptr<Tokenizer> train_char(Texts texts, const TokenizerOptions& options);
std::unique_ptr<Tokenizer> read_char(const nlohmann::json& file);
std::unique_ptr<Tokenizer> train_word(Texts texts, const TokenizerOptions& options);
std::unique_ptr<Tokenizer> read_word(const nlohmann::json& file);
std::unique_ptr<Tokenizer> train_regex(Texts texts, const TokenizerOptions& options);
std::unique_ptr<Tokenizer> read_regex(const nlohmann::json& file);
std::unique_ptr<Tokenizer> train_bpe(Texts texts, const TokenizerOptions& options);
std::unique_ptr<Tokenizer> read_bpe(const nlohmann::json& file);

/// {"format": ..., "version": ..., "kind": ..., "vocab": [...]}; without "vocab" if there are no pieces, and with
/// "unknown" if there is text that replaces unknown characters.
std::string write_json(std::string_view kind, std::span<const std::string> vocab,
                       const std::optional<std::string>& unknown = {});

/// Reads "vocab": at least one piece, none empty, no duplicates. Throws ErrorCode::input.
std::vector<std::string> read_vocab(const nlohmann::json& file);

/// Number of occurrences of each piece in the texts.
using PieceCounts = std::unordered_map<std::string_view, int64_t>;

/// The pieces of a vocabulary, most frequent first, ties in byte order: those that occur at least min_count
/// times, and at most vocab_size minus the `reserved` other tokens. Throws ErrorCode::usage for options out
/// of range, ErrorCode::input if no piece is left.
std::vector<std::string> most_frequent(const PieceCounts& counts, const TokenizerOptions& options,
                                       int64_t reserved);

/// Throws ErrorCode::input unless the texts are non-empty and valid UTF-8.
void require_text(Texts texts);

/// Throws ErrorCode::usage if an option is given for a kind that has none.
void require_no_options(std::string_view kind, const TokenizerOptions& options);

}  // namespace hewn::tokenizers
