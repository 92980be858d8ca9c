#pragma once
// The start of a training run: from scratch, from the run in out_dir, or from the weights of another run.

#include <memory>
#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "model/json.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/run_directory.h"
#include "train/data/data.h"
#include "train/tasks/task.h"

namespace hewn::cli {

struct TrainStart {
  bool resumed = false;
  std::string from;                            ///< absolute path of the run or model named by init_from
  std::string checkpoint;                      ///< source of the weights (and state); "" for new weights
  HeldCheckpoint held;                         ///< holds that checkpoint of another run, which might prune it
                                               ///< meanwhile
  std::optional<ForeignModel> foreign;         ///< other source of the weights: a model that is not a run
  RunState state;                              ///< the resumed run's state; otherwise the initial one
  std::shared_ptr<const Tokenizer> tokenizer;  ///< model configuration of the source of the weights
  std::optional<TextForm> text_form;           ///< form of its texts; empty: implied by the tokenizer
  std::unique_ptr<RunDirectory> run;           ///< the resumed run's directory, locked

  std::string moved_base;  ///< path of the base model, if the weights are an adapter

  /// The properties of the weights on ranks other than 0, which open none of these files and receive the
  /// weights from rank 0.
  struct Received {
    bool has_weights = false;
    int64_t vocab_size = 0;
  };
  std::optional<Received> received;

  bool has_weights() const { return received ? received->has_weights : foreign || !checkpoint.empty(); }
  /// The vocabulary size of the weights; 0 for new ones.
  int64_t vocab_size() const;
  /// Overwrites the parameters with the weights, if any, except adapters if the weights are a base model's.
  /// Rows of tokens that the weights lack keep their values.
  void load_weights(Model& model) const;
  /// The value of the key `unknown` for characters that the tokenizer lacks; "" if their treatment does not
  /// change. Throws usage if the key is given and has no effect.
  std::string unknown(const Settings& settings) const;
  /// Continues with the data's tokenizer, which may have new tokens, and records the first of these in
  /// `state`.
  void take(std::shared_ptr<const Tokenizer> met);

  /// Opens the directory of a new run, and records its state: the hashes of data and tokenizer and, if
  /// adapters are trained, the path and hash of their base model, which may have moved. Throws usage if there
  /// are no weights to adapt.
  void open_run(Settings& settings, const TrainConfig& config, uint64_t data_hash);
  /// Prints where a resumed run continues.
  void say_resumed(const TrainConfig& config) const;

 private:
  void note_base(const TrainConfig& config);
};

/// Follows `init_from`. Settings that the user did not give are taken from the resumed run (all of them) or
/// from the run or model that supplies the weights (the model's keys). A resumed run rejects a changed model,
/// seed or optimizer. Throws usage and input.
TrainStart begin_training(Settings& settings);

/// Throws if the data differ from those with which the run began; `hash` is the data's hash.
void check_same_data(const TrainStart& start, uint64_t hash);

/// Makes the file names in `dataset` and `val` absolute, so that the saved configuration works from any directory.
void make_paths_absolute(Settings& settings);

// Writes runs that start from a complete model: imported, or merged from adapters.

/// Fills a new run: env.json (the program's version and `origin`), task.json, config.toml, tokenizer.json and a
/// checkpoint of step 0 with the model's weights, in the dtype of `config`. Returns the checkpoint's path. Removes
/// everything if it fails.
std::string write_whole_run(const RunDirectory& run, const ForeignModel& model, const Settings& config,
                            const Json& origin, const std::optional<Task>& task = {});

}  // namespace hewn::cli
