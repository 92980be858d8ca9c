#pragma once
// Parts of a tokenizer.json of Hugging Face's tokenizers. Functions that read throw ErrorCode::input or a
// JSON exception.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace hewn::tokenizers {

using TextPair = std::pair<std::string, std::string>;

/// Token texts by id, from an object that maps texts to ids and the list of added tokens. Every id from 0 on
/// must occur exactly once.
std::vector<std::string> texts_by_id(const nlohmann::json& vocab, const nlohmann::json& added);

/// The added tokens.
std::vector<Special> specials_in(const nlohmann::json& added);

/// The inverse: special tokens in the form of such a file.
nlohmann::ordered_json added_tokens(std::span<const Special> specials);

/// The token that a post_processor inserts before a text, of a vocabulary with this many; -1: none. Refuses other
/// inserted tokens.
int32_t begin_in(const nlohmann::json& file, size_t vocab_size);

/// The inverse: the post_processor that inserts a token before every text; null for none.
nlohmann::ordered_json post_processor(const Tokenizer& tokenizer, const std::optional<int32_t>& begin);

/// The text of a token, given directly or as the "content" of an object.
std::string token_text(const nlohmann::json& token);

/// The added tokens named by the neighbouring files added_tokens.json, tokenizer_config.json and
/// special_tokens_map.json, in the form of such a file's list. Only vocab.json needs them.
nlohmann::json added_beside(const std::string& path, const nlohmann::json& vocab);

/// The merges of a model, each as "left right" or as [left, right].
std::vector<TextPair> merges_in(const nlohmann::json& model);

/// Splits "left right"; `rank` is for error messages.
TextPair split_pair(std::string_view line, size_t rank);

}  // namespace hewn::tokenizers
