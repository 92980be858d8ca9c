#pragma once
// The common start of all fine-tuning commands: weights, configuration and run directory.

#include <memory>
#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "apps/run/train_start.h"
#include "kernels/devices/devices.h"
#include "model/tokenizer/tokenizer.h"
#include "train/config.h"
#include "train/step/trainer.h"
#include "train/tasks/instruct_rows.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// The device, model and trainer of a fine-tuned run.
struct Finetuning {
  Finetuning(std::unique_ptr<Executor> on, std::unique_ptr<Model> made, const TrainConfig& config)
      : device(std::move(on)), model(std::move(made)), trainer(*model, config) {}

  std::unique_ptr<Executor> device;
  std::unique_ptr<Model> model;
  Trainer trainer;
};

/// The start of a fine-tuned run, from a run or another program's model, or from the run itself if it is resumed.
class FinetuneStart {
 public:
  /// Checks `data`, `init_from` and the tokenizer, fills in settings that are not given (`begin_training`),
  /// and makes the file names absolute. Throws usage and input.
  explicit FinetuneStart(Settings& settings);

  const TrainStart& train_start() const { return start_; }
  const RunState& state() const { return start_.state; }
  const Tokenizer& tokenizer() const { return *start_.tokenizer; }
  /// The encoder for the rows.
  TextEncoder texts() const { return TextEncoder(tokenizer(), start_.text_form); }
  RunDirectory& run() const { return *start_.run; }
  /// Applies the key `unknown` to the texts of a new run: the tokenizer may then have more tokens. Prints which.
  void meet(const Settings& settings, const std::vector<std::string_view>& texts);
  /// The configuration of the base model, with a row for each token of the tokenizer.
  ModelConfig base_config() const;
  /// The task of the resumed run, which fixes labels, template and division of the rows; null for a new run.
  const Task* task() const { return task_ ? &*task_ : nullptr; }
  /// The chat template: that of the resumed run (since a file may have changed), else the given one, else the
  /// base run's, else alpaca. Notes its name in the settings.
  ChatTemplate chat(Settings& settings) const;

  /// The limit of a row's tokens: `max_length`, else the model's context. Throws usage if it is longer than that.
  int64_t max_length(const Settings& settings, const ModelConfig& model) const;
  /// The configuration for rows of at most `longest` tokens. Unless given, its number of steps follows from `epochs`,
  /// and it is validated once per epoch. Notes other derived values in the settings.
  TrainConfig config(Settings& settings, const ModelConfig& model, const BatchSource& batches,
                     int64_t longest) const;
  /// Everything between the data and the first step: makes the model and its trainer, loads the weights (and, resumed,
  /// the optimizer), creates the run directory unless it is resumed, and writes its files, including a first
  /// checkpoint and task.json, which also records the trained parameters and the base. Prints `rows`, a line
  /// about the data, and about the model, the device, the planned memory and the steps. Returns null after a
  /// dry run, which only prints. Throws ErrorCode::memory if the run needs more than the device has.
  std::unique_ptr<Finetuning> begin(Settings& settings, const TrainConfig& config, uint64_t data_hash,
                                    Task task, const std::string& rows);

 private:
  void check_memory(const TrainConfig& config, Executor& device);
  void prepare(Settings& settings, const TrainConfig& config, Trainer& trainer, uint64_t data_hash,
               const Task& task);
  void say_what(const TrainConfig& config, const Model& model) const;

  TrainStart start_;
  std::optional<Task> task_;
  size_t planned_bytes_ = 0;
};

/// "70 rows for training, 10 for validation, 20 for the test".
std::string split_text(size_t train, size_t val, size_t test, std::string_view rows);

// Training rows of instructions, as the model sees them.

/// A row, token by token: masked and learned parts alternate, each with a mark and, if standard output has
/// colour, its own colour. Begins with `title`: "row 1, data.json line 12".
std::string row_view(const Tokenizer& tokenizer, const TrainingRow& row, const std::string& title);

}  // namespace hewn::cli
