#pragma once
// The options of commands that fine-tune a model on the rows of a table, and of those that apply the result.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

/// The commands that fine-tune. They take all keys of `hewn train` too, but those that describe its text.
inline constexpr CommandSet finetunes =
    takes::finetune_classify | takes::finetune_instruct | takes::finetune_prefer;

std::vector<Option> finetune_options();

}  // namespace hewn::cli::keys
