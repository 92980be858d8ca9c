#pragma once
// Shows single tokens: the choice, its probability, and the alternatives.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/generation/generate.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::cli {

/// The bytes of a token in quotes, with unprintable ones escaped.
std::string quoted_piece(const Tokenizer& tokenizer, int32_t id);

/// A token as data: token, text, logprob (natural). Bytes that are not UTF-8 become U+FFFD in `text`.
nlohmann::ordered_json token_record(const Tokenizer& tokenizer, int32_t id, double log_probability);

/// One line: the token, coloured by its probability, that probability, and the most likely alternatives with
/// theirs. Probabilities are the model's own, before temperature and other sampling keys.
std::string probability_line(const Tokenizer& tokenizer, const Generated& generated);

/// The same as data: token, text, logprob (natural), and `top`, the five most likely tokens.
nlohmann::ordered_json log_probability_record(const Tokenizer& tokenizer, const Generated& generated);

}  // namespace hewn::cli
