#pragma once

#include <cstdint>
#include <string>

#include "model/model.h"
#include "model/texts/texts.h"

namespace hewn::cli {

/// Text of at most `tokens` tokens that a model generates at this temperature: as many documents as fit, each
/// in a separate window, with newlines between them. The same model and seed give the same text.
std::string drawn_text(Model& model, const TextEncoder& texts, int64_t tokens, uint64_t seed,
                       double temperature = 0.8);

/// The time in seconds to read the weights of a model at the measured bandwidth: a lower bound for a token on
/// a CPU. Takes about 0.1 s.
double seconds_to_read(const Model& model);

}  // namespace hewn::cli
