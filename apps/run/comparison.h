#pragma once
// One prompt by every method of generation, side by side.

#include <vector>

#include "apps/run/prompts.h"

namespace hewn::cli {

/// The part of a text's runs of n tokens that differ from each other, 1 for a text too short for one (Li et
/// al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models", section 5.2:
/// distinct-n).
double distinct(const std::vector<int32_t>& tokens, size_t n);

/// `hewn sample --compare`: writes a text by each method and prints them in a table. Returns the exit status.
int run_comparison(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts);

}  // namespace hewn::cli
