#pragma once
// Writes runs that begin with a whole model from elsewhere: imported, or merged from adapters.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "apps/cli/settings.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/run_directory.h"

namespace hewn::cli {

/// Fills a new run: env.json (the program's version and `origin`), config.toml, tokenizer.json and a checkpoint of step
/// 0 with the model's weights, in the dtype of `config`. Returns the checkpoint's path. Removes everything if it fails.
std::string write_whole_run(const RunDirectory& run, const ForeignModel& model, const Settings& config,
                            const nlohmann::ordered_json& origin);

}  // namespace hewn::cli
