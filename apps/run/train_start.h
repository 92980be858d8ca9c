#pragma once
// What a training run begins with: nothing, the run in out_dir, or the weights of another run.

#include <memory>
#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/run_directory.h"
#include "train/data/data.h"

namespace hewn::cli {

struct TrainStart {
  bool resumed = false;
  std::string checkpoint;                      ///< where weights (and state) come from; "" for new ones
  std::optional<ForeignModel> foreign;         ///< where else weights come from: a model that is no run
  RunState state;                              ///< where the resumed run stood, else the beginning
  std::shared_ptr<const Tokenizer> tokenizer;  ///< that of the run the weights come from
  std::unique_ptr<RunDirectory> run;           ///< the resumed run's, locked

  bool has_weights() const { return foreign || !checkpoint.empty(); }
  /// The vocabulary of the weights; 0 for new ones.
  int64_t vocab_size() const;
  /// Overwrites the parameters with the weights, if there are any.
  void load_weights(Model& model) const;
};

/// Follows `init_from`. What the user did not give is filled in from the run that is resumed (everything) or
/// from the run or model that is begun from (the model); a resumed run refuses another model, seed or optimizer. Throws usage and input.
TrainStart begin_training(Settings& settings);

/// Refuses to go on with other data than the run began with.
void check_same_data(const TrainStart& start, const Dataset& data);

/// Makes the file names in `dataset` and `val` absolute, so that the saved configuration works from anywhere.
void make_paths_absolute(Settings& settings);

}  // namespace hewn::cli
