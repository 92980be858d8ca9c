#pragma once

#include <cstdint>
#include <string>

#include "model/model.h"
#include "model/tokenizer/tokenizer.h"

namespace hewn::cli {

/// A text of `tokens` tokens that a model generates at temperature 0.8, after a newline (of a vocabulary without one:
/// after its first token). The same model and seed give the same text.
std::string drawn_text(Model& model, const Tokenizer& tokenizer, int64_t tokens, uint64_t seed);

}  // namespace hewn::cli
