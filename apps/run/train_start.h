#pragma once
// The start of a training run: from scratch, from the run in out_dir, or from the weights of another run.

#include <memory>
#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/run_directory.h"
#include "train/data/data.h"

namespace hewn::cli {

struct TrainStart {
  bool resumed = false;
  std::string from;                            ///< absolute path of the run or model named by init_from
  std::string checkpoint;                      ///< source of the weights (and state); "" for new weights
  HeldCheckpoint held;                         ///< the same, of another run, which might prune it meanwhile
  std::optional<ForeignModel> foreign;         ///< other source of the weights: a model that is not a run
  RunState state;                              ///< the resumed run's state; otherwise the initial one
  std::shared_ptr<const Tokenizer> tokenizer;  ///< of the run that the weights come from
  std::optional<TextForm> text_form;           ///< of its texts; empty: as the tokenizer says
  std::unique_ptr<RunDirectory> run;           ///< the resumed run's directory, locked

  std::string moved_base;  ///< where the base of those weights is, if they are an adapter

  /// On ranks other than 0, which open none of these files and receive the weights from rank 0: their properties.
  struct Received {
    bool has_weights = false;
    int64_t vocab_size = 0;
  };
  std::optional<Received> received;

  bool has_weights() const { return received ? received->has_weights : foreign || !checkpoint.empty(); }
  /// The vocabulary size of the weights; 0 for new ones.
  int64_t vocab_size() const;
  /// Overwrites the parameters with the weights, if there are any; those of a base do not include adapters. Those of
  /// tokens that they lack keep their values.
  void load_weights(Model& model) const;
  /// What the key `unknown` says about characters that the tokenizer lacks; "" if that remains as it is. Throws usage if
  /// the key is given and has no effect.
  std::string unknown(const Settings& settings) const;
  /// Goes on with the tokenizer for the data, which may have more tokens, and notes the first of these in `state`.
  void take(std::shared_ptr<const Tokenizer> met);

  /// Opens the directory of a new run, and notes the run's state: the hashes of data and tokenizer, and if adapters are
  /// trained which model they change, and its hash, or where that has moved. Throws usage if there are no weights to adapt.
  void open_run(Settings& settings, const TrainConfig& config, uint64_t data_hash);
  /// Prints where a resumed run goes on.
  void say_resumed(const TrainConfig& config) const;

 private:
  void note_base(const TrainConfig& config);
};

/// Follows `init_from`. Settings that the user did not give are taken from the resumed run (all of them) or
/// from the run or model that supplies the weights (the model's keys). A resumed run refuses another model,
/// seed or optimizer. Throws usage and input.
TrainStart begin_training(Settings& settings);

/// Refuses to continue with other data than the run began with; `hash` is that of the data.
void check_same_data(const TrainStart& start, uint64_t hash);

/// Makes the file names in `dataset` and `val` absolute, so that the saved configuration works from any directory.
void make_paths_absolute(Settings& settings);

}  // namespace hewn::cli
