#pragma once
// What a training run works on, resolved and checked before memory is allocated or anything is written.

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
  BatchLoader loader;  ///< of the training batches; refers to `data`

  /// How the run's texts begin and end: as its data says, else as those of the model that it starts from, whose documents
  /// had windows of their own only if this data says so too. Empty without a tokenizer.
  std::optional<TextEncoder> texts() const;
};

/// How to get a dataset, so that a caller that sets up many runs opens each dataset once.
using DatasetOpener =
    std::function<std::shared_ptr<const Dataset>(const DataOptions&, std::shared_ptr<const Tokenizer>)>;

/// Opens the dataset.
std::shared_ptr<const Dataset> open_new_dataset(const DataOptions& options,
                                                std::shared_ptr<const Tokenizer> tokenizer);

/// Resolves the settings of `train`: where the run starts, its data, its configuration. Derived values are
/// written back to the settings. Throws usage and input for whatever the run would be refused for, except that
/// out_dir is not looked at (unless the run in it is resumed) and memory is not checked. With ranks, all of them call it,
/// and rank 0 determines the settings of all.
TrainSetup set_up_training(Settings& settings, const DatasetOpener& open = open_new_dataset,
                           Ranks* ranks = nullptr);

}  // namespace hewn::cli
