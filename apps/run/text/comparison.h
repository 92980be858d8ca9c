#pragma once
// Continues one prompt with every decoding method, side by side.

#include <vector>

#include "apps/run/text/prompts.h"

namespace hewn::cli {

/// The fraction of a text's n-token sequences that are distinct; 1 for a text too short to have one (Li et al.
/// 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models", section 5.2: distinct-n).
double distinct(const std::vector<int32_t>& tokens, size_t n);

/// `hewn sample --compare`: generates a text with each method and prints them in a table. Returns the exit status.
int run_comparison(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts);

}  // namespace hewn::cli
