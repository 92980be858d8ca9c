#pragma once
// Continues one prompt with every decoding method, side by side.

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "apps/run/text/prompts.h"

namespace hewn::cli {

/// `hewn sample --compare`: generates a text with each method and prints them in a table. Returns the exit status.
/// `encoder` as for `ends_of`.
int run_comparison(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts,
                   const TalkEncoder* encoder);

/// The list that it prints as JSON: for each method, `method`, `tokens`, `log_probability`,
/// `log_probability_per_token`, `distinct_1`, `distinct_2` and `text`, with the prompt.
nlohmann::ordered_json compared_texts(const Settings& settings, const OpenRun& run, const Prompt& prompt,
                                      const TalkEncoder* encoder);

}  // namespace hewn::cli
