#pragma once
// From settings to what the layers below take.

#include <memory>
#include <string>

#include "apps/cli/settings.h"
#include "kernels/devices/devices.h"
#include "model/model.h"
#include "train/config.h"
#include "train/data/data.h"

namespace hewn::cli {

/// The device of `device` and `threads`.
std::unique_ptr<Executor> open_device(const Settings& settings);
/// The device of this name, cpu with this many threads (0: one per core). Throws usage when there is none.
std::unique_ptr<Executor> open_device(const std::string& name, int threads);

/// dataset, val, val_fraction, tokenizer.
DataOptions data_options(const Settings& settings);

/// What the model has to know of the data.
struct DataSizes {
  int64_t vocab_size = 0;
  int64_t longest_document = 0;  ///< the block_size that aligned data needs; 0: not aligned
};
/// From `vocab_size` where it is given, else from the dataset.
DataSizes data_sizes(const Settings& settings);

/// The keys of the section "Model". The longest document is the block_size where the user gives none.
ModelConfig model_config(const Settings& settings, const DataSizes& data);

/// All training keys, with what depends on others filled in. Checked.
TrainConfig train_config(const Settings& settings, const ModelConfig& model);

/// A model's keys as settings of `train`, read from `where`.
std::vector<Assignment> model_settings(const ModelConfig& model, const std::string& where);

/// Fails with ErrorCode::memory, naming the largest batch that fits, when the run needs more than the system
/// has free, or a GPU has: before a page of it is touched.
void check_memory(const TrainConfig& config, Executor& device);

/// The same values back into the settings, so that what is saved with a run is what was used.
void note_resolved(Settings& settings, const TrainConfig& config);

/// Tokens per second of training at the peak that the maker of the model's GPU states; 0 where that, or the
/// model's work, is not known.
double peak_tokens_per_s(const Model& model, DType dtype);

/// A batch of random tokens and targets: for timing and planning, where their values do not matter.
Batch random_batch(int64_t rows, int64_t block_size, int64_t vocab_size, uint64_t seed);

}  // namespace hewn::cli
