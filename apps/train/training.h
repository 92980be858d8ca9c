#pragma once
// Shared by all commands that train a run, regardless of data and validation.

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "apps/cli/settings.h"
#include "model/json.h"
#include "train/loop.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// The result of a run besides its steps.
struct FinalReport {
  std::string text;  ///< lines for the log; with --quiet, the result
  /// An object for evaluation.json, unless it is empty; its members are added to the summary of --json.
  Json json = Json::object();
};

/// A run that is ready to be trained.
struct TrainingRun {
  const Settings& settings;
  RunDirectory& run;
  const TrainConfig& config;
  Trainer& trainer;
  const BatchSource& source;
  const Validator& validate;
  const RunState& state;
  /// The beginning of a text by the current model, shown after each evaluation on a terminal; may be empty.
  std::function<std::string()> sample = {};
  std::function<void(int64_t step)> on_sample = {};  ///< every sample_interval steps; may be empty
  std::function<std::string()> report = {};          ///< more lines about an evaluation; may be empty
  /// After the last step, unless the run was interrupted, with the weights of the checkpoint that commands read (see
  /// `find_checkpoint`); may be empty.
  std::function<FinalReport()> at_end = {};
  std::string_view next = "sample";  ///< the command to suggest at the end
  Ranks* ranks = nullptr;            ///< ranks that train together; null: a single process
};

/// Prints the model, its trained parameters, and the device.
void say_model(const TrainConfig& config, const Model& model);

/// Writes the files of a run besides its checkpoints: config.toml, env.json and, of a run on texts, tokenizer.json and
/// texts.json; task.json unless it is null.
void write_run_files(const RunDirectory& run, const Settings& settings, uint64_t data_hash,
                     const std::optional<TextEncoder>& texts, const Task* task = nullptr);

/// The command that resumes a run.
std::string resume_hint(const Settings& settings, const std::string& run);

/// Trains to the end or until a signal, showing progress, and reports how it ended. Returns the exit status.
int run_to_end(const TrainingRun& training);

/// The training of ranks other than 0: only rank 0 has the run's directory and shows progress. `profiles`:
/// rank 0 records a profile. Returns the exit status.
int follow_to_end(const TrainConfig& config, Trainer& trainer, const BatchSource& source,
                  const Validator& validate, const RunState& state, bool profiles);

}  // namespace hewn::cli
