#pragma once
// The inputs of a training run, resolved and checked before memory is allocated or anything is written.

#include <functional>
#include <memory>

#include "apps/cli/settings.h"
#include "apps/run/train_start.h"
#include "train/config.h"
#include "train/data/data.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

struct TrainSetup {
  TrainStart start;
  std::shared_ptr<const Dataset> data;
  TrainConfig config;
  BatchLoader loader;  ///< loader of the training batches; refers to `data`

  /// How the run's texts begin and end: from its data, else from the model that it starts from, whose
  /// documents are in separate windows only if this data's are too. Empty without a tokenizer.
  std::optional<TextEncoder> texts() const;
};

/// Opens a dataset; lets a caller that sets up many runs open each dataset only once.
using DatasetOpener =
    std::function<std::shared_ptr<const Dataset>(const DataOptions&, std::shared_ptr<const Tokenizer>)>;

/// Opens the dataset.
std::shared_ptr<const Dataset> open_new_dataset(const DataOptions& options,
                                                std::shared_ptr<const Tokenizer> tokenizer);

/// Resolves the settings of `train`: where the run starts, its data, its configuration. Derived values are
/// written back to the settings. Throws usage and input for every error of the run, but does not check
/// memory, nor out_dir unless its run is resumed. With ranks, all of them call it, and rank 0 determines the
/// settings of all.
TrainSetup set_up_training(Settings& settings, const DatasetOpener& open = open_new_dataset,
                           Ranks* ranks = nullptr);

}  // namespace hewn::cli
