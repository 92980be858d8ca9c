// The lines of the picture of losses: the exact lower bound, uniform guessing, and bigrams.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/report/rows.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/path.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/counting.h"
#include "train/eval.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

constexpr int64_t most_counted = 20'000'000;  // tokens of training data
constexpr int64_t most_shown_tokens = 256;    // of the validation text
constexpr double most_probabilities = 5e8;  // of validation tokens, each with one per entry of the vocabulary
constexpr uintmax_t most_data_bytes = 100'000'000;  // of a dataset that is read

// The size of a dataset's files; 0 for the built-in corpus.
uintmax_t bytes_of_data(const std::string& dataset) {
  uintmax_t bytes = 0;
  for (const DatasetPart& part : parse_dataset(dataset)) {
    const bool directory = path_is_directory(part.spec);
    const auto files = directory ? entries_of(part.spec) : std::vector<fs::path>{part.spec};
    for (const auto& file : files)
      if (path_is_file(file)) bytes += file_bytes(file);
  }
  return bytes;
}

// The number of outputs of a run's model: from its checkpoint, else from its tokenizer; 0: unknown.
int64_t outputs_of(const std::string& run) {
  try {
    return checkpoint_config(find_checkpoint(run)).outputs();
  } catch (const Error&) {
    const auto tokenizer = run_tokenizer(run, 0);
    return tokenizer ? tokenizer->vocab_size() : 0;
  }
}

void add_uniform(ReferenceLosses& losses, const std::string& run) {
  const std::optional<Task> task = read_task(run);
  const bool pairs = task && task->kind == Task::Kind::prefer;
  const bool classes = task && task->kind == Task::Kind::classify;
  const int64_t outputs = pairs ? 2 : classes ? std::ssize(task->labels) : outputs_of(run);
  if (outputs < 1) return;
  losses.uniform = std::log(static_cast<double>(outputs));
  losses.of_uniform = pairs ? "ln 2, without a preference"
                      : task && task->kind == Task::Kind::classify
                          ? join("ln ", outputs, ", all labels alike")
                          : join("ln ", outputs, ", all tokens alike");
}

// Those of a run on text. Takes about a second for the built-in corpus.
void add_data_losses(ReferenceLosses& losses, const std::string& run, const Dataset& data,
                     int64_t block_size) {
  losses.floor = data.val_floor();
  if (!losses.floor) losses.notes.emplace_back("the exact −log P is known only for the built-in tales");
  if (data.val.empty()) {
    losses.notes.emplace_back("there is no validation data, so there is no bigram loss");
    return;
  }
  const Split& val = data.val[0];
  losses.text.resize(static_cast<size_t>(
      std::min(val.separator ? val.documents.at(1) : val.tokens.size(), most_shown_tokens)));
  val.tokens.copy(0, std::ssize(losses.text), losses.text.data());
  if (val.separator) losses.text.insert(losses.text.begin(), *val.separator);
  const double probabilities = static_cast<double>(data.val_tokens()) * static_cast<double>(data.vocab_size);
  if (data.train_tokens() > most_counted || probabilities > most_probabilities) {
    losses.notes.push_back(join("bigrams are not counted in a report of ", long_count(data.train_tokens()),
                                " tokens with a vocabulary of ", long_count(data.vocab_size),
                                "; train them as a run and name it too: ", program(), " train ",
                                shell_word(run + "/config.toml"), " --arch=ngram --order=2 ",
                                shell_word("--out_dir=" + run + "-bigrams")));
    return;
  }
  const auto model =
      make_model({.arch = "ngram", .order = 2, .vocab_size = data.vocab_size, .block_size = block_size},
                 cpu(), DType::f32, 1, false);
  count_training_data(*model, data);
  losses.bigram = evaluate(*model, data, {.block_size = block_size}).loss;
}

}  // namespace

ReferenceLosses reference_losses(const std::string& run) {
  ReferenceLosses losses;
  try {
    add_uniform(losses, run);
    const Settings config = read_run_config(run);
    if (!config.takes("dataset") || !config.given("dataset")) {
      losses.notes.emplace_back("no lower bound and no bigram loss: the run was not trained on text");
      return losses;
    }
    const uintmax_t bytes = bytes_of_data(config.text("dataset"));
    if (bytes > most_data_bytes) {
      losses.notes.push_back(join("no lower bound and no bigram loss: the dataset has ",
                                  bytes_text(static_cast<double>(bytes)), ", more than a report reads"));
      return losses;
    }
    const int64_t block_size = config.has("block_size") ? config.integer("block_size")
                                                        : checkpoint_config(find_checkpoint(run)).block_size;
    DataOptions options = data_options(config);
    options.accepted = true;
    add_data_losses(losses, run, open_dataset(options, run_tokenizer(run, 0)), block_size);
  } catch (const Error& error) {
    losses.notes.push_back(join("no lower bound and no bigram loss: ", error.what()));
  }
  return losses;
}

}  // namespace hewn::cli
