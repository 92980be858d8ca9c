#pragma once
// Opens a trained model with its tokenizer, configuration and text form.

#include <memory>
#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "kernels/devices/devices.h"
#include "model/model.h"
#include "model/texts/texts.h"
#include "train/checkpoint/adapted.h"
#include "train/tasks/task.h"

namespace hewn::cli {

struct OpenRun {
  std::string run;         ///< the run's directory; for another program's model, its path
  std::string checkpoint;  ///< the checkpoint's directory; for such a model, the same as `run`
  std::unique_ptr<Executor> device;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null if there is none
  std::string no_tokenizer;                    ///< the reason: "there is no tokenizer.json"
  std::unique_ptr<Model> model;
  /// As settings of `train`, or of the command that fine-tuned the run: the run's config.toml, or the keys of such a
  /// model.
  Settings config;
  std::vector<std::string> labels = {};    ///< of another program's classifier; empty: unknown
  std::optional<TextForm> text_form = {};  ///< empty: implied by the tokenizer

  /// The model's text encoder. Requires a tokenizer.
  TextEncoder texts() const { return TextEncoder(*tokenizer, text_form); }
};

/// Whether `open_lesson_or_foreign` should open a path: a file, a directory with another program's configuration
/// that is neither a run nor a checkpoint, or the name of the lesson model.
bool is_foreign_model(const std::string& path);

/// A model's keys as settings of `train`, under the same names, without vocab_size, which the tokenizer determines.
Settings settings_of(const ModelConfig& model, const std::string& dtype, const std::string& source);

/// The command that trains a run: `train`, or the one that its task.json names.
const Command& training_command(const std::string& run);

/// The default path of a page about a run or model: this name in the directory of the run, or in the working
/// directory for another program's model.
std::string page_beside(const std::string& path, const std::string& name);

/// The run or model whose weights a run started from; "" for random weights, or if unknown.
std::string started_from(const std::string& run);

/// The task of a fine-tuned run; nothing for other runs and models.
std::optional<Task> task_of_run(const OpenRun& run);

/// The content of RUN/config.toml as settings of that command.
Settings read_run_config(const std::string& run);

/// The tokenizer of a run, checked against the hash stored in its checkpoints; null if it has none.
std::shared_ptr<const Tokenizer> run_tokenizer(const std::string& run, uint64_t expected_hash);

/// How texts begin and end in a run, from its texts.json. Runs of earlier versions have none: the form is
/// then derived from the built-in tales or from existing token files aligned to documents; else empty,
/// implied by the tokenizer. Throws ErrorCode::input if the file is damaged.
std::optional<TextForm> run_text_form(const std::string& run, const Tokenizer* tokenizer);

/// The run that a command reads: its argument, else --out_dir, else ./out if that is a run, since `hewn
/// train` creates it there. Throws usage if two are given, or none and ./out is not a run.
std::string named_run(const Settings& settings);

/// Throws usage if a model is a classifier, which has labels instead of a next token.
void require_language_model(const ModelConfig& model, const std::string& run);

/// The adapters that the key `adapter` lists; none if the command does not take it. Throws usage for a factor that is
/// not a number.
std::vector<NamedAdapter> adapters_of(const Settings& settings);

/// The settings for opening a second model in a command: device, types and the place of a moved base, but no
/// adapters.
Settings without_adapters(const Settings& settings);

/// The model of a run, a checkpoint or another program, with its tensors and tokenizer, and with its own
/// adapters and those of `adapters_of` merged.
ForeignModel open_merged(const Settings& settings, const std::string& path);

/// The place of a moved base model, from the key `base`; "" if the command does not take it.
std::string moved_base(const Settings& settings);

/// Opens the run of a command (see `named_run`), one of its checkpoints, or a model of another program, on the
/// device and in the dtype requested by the settings. Throws usage if none is given, input if it is damaged.
OpenRun open_run(const Settings& settings);
/// The same for a given path and device, regardless of the settings.
OpenRun open_run(const Settings& settings, const std::string& path);
OpenRun open_run(const Settings& settings, const std::string& path, std::unique_ptr<Executor> device);

}  // namespace hewn::cli
