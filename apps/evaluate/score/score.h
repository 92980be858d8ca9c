#pragma once
// The forms of `hewn eval` that score answers instead of a text.

#include "apps/cli/settings.h"

namespace hewn::cli {

/// `--tasks`: questions with choices.
int run_eval_tasks(const Settings& settings);
/// `--generate`: generated answers against references.
int run_eval_answers(const Settings& settings);
/// `--responses`: answers in a file against references, without a model.
int run_eval_responses(const Settings& settings);

}  // namespace hewn::cli
