#pragma once
// Writes runs that start from a complete model: imported, or merged from adapters.

#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "model/json.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/run_directory.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// Fills a new run: env.json (the program's version and `origin`), task.json, config.toml, tokenizer.json and a
/// checkpoint of step 0 with the model's weights, in the dtype of `config`. Returns the checkpoint's path. Removes
/// everything if it fails.
std::string write_whole_run(const RunDirectory& run, const ForeignModel& model, const Settings& config,
                            const Json& origin, const std::optional<Task>& task = {});

}  // namespace hewn::cli
