#pragma once
// Single tokens for people and programs: what was chosen, how likely it was, what else was likely.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/generation/generate.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::cli {

/// The bytes of a token in quotes, with what cannot be shown escaped.
std::string quoted_piece(const Tokenizer& tokenizer, int32_t id);

/// A token as data: token, text, logprob (natural). Bytes that are no UTF-8 are U+FFFD in `text`.
nlohmann::ordered_json token_record(const Tokenizer& tokenizer, int32_t id, double log_probability);

/// One line: the token in the colour of its probability, that probability, and the likeliest others with
/// theirs. Probabilities are the model's own, before temperature and the like.
std::string probability_line(const Tokenizer& tokenizer, const Generated& generated);

/// The same as data: token, text, logprob (natural), and `top`, the five likeliest.
nlohmann::ordered_json log_probability_record(const Tokenizer& tokenizer, const Generated& generated);

}  // namespace hewn::cli
