#pragma once
// A text as the tokens of a row: what `hewn trace` and `hewn gradcheck` compute a loss of.

#include <string_view>
#include <vector>

#include "apps/cli/settings.h"
#include "model/config.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::cli {

/// The tokens of a text, after the token with which texts begin, if the tokenizer has one.
std::vector<int32_t> row_of_text(const Tokenizer& tokenizer, std::string_view text);

/// Throws usage unless the key `text` gave at least two tokens, as each is predicted from those before it, and no more
/// than the model's context and the token after it.
void check_row_of_text(const Settings& settings, size_t tokens, const ModelConfig& model);

}  // namespace hewn::cli
