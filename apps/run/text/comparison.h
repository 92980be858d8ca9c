#pragma once
// Continues one prompt with every decoding method, side by side.

#include <vector>

#include "apps/run/text/prompts.h"

namespace hewn::cli {

/// `hewn sample --compare`: generates a text with each method and prints them in a table. Returns the exit status.
/// `encoder` as for `ends_of`.
int run_comparison(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts,
                   const TalkEncoder* encoder);

}  // namespace hewn::cli
