#pragma once
// Converts settings to the configurations of the lower layers.

#include <memory>
#include <string>

#include "apps/cli/settings.h"
#include "kernels/devices/devices.h"
#include "model/model.h"
#include "train/config.h"
#include "train/data/data.h"

namespace hewn::cli {

/// The device selected by the keys `device` and `threads`; with several GPUs, the one with this number
/// (`make_cuda`).
std::unique_ptr<Executor> open_device(const Settings& settings, int gpu = 0);
/// The device with this name; cpu uses this many threads (0: one per core). Throws usage if there is none.
std::unique_ptr<Executor> open_device(const std::string& name, int threads, int gpu = 0);

/// The value of a key with this domain; it must have one.
KeyValue value_of(const Settings& settings, std::string_view name, const Domain& domain);

/// Reads `special`; as_text if the command does not take it.
Specials specials_of(const Settings& settings);
/// Reads dataset, val, val_fraction, tokenizer, special.
DataOptions data_options(const Settings& settings);

/// The properties of the data that the model depends on.
struct DataSizes {
  int64_t vocab_size = 0;
  int64_t longest_document = 0;  ///< required block_size of aligned data; 0: not aligned
};
/// From `vocab_size` if given, else from the dataset.
DataSizes data_sizes(const Settings& settings);

/// Reads the keys of the section "Model". If block_size is not given, it is the longest document.
ModelConfig model_config(const Settings& settings, const DataSizes& data);

/// Reads all training keys, fills in derived values, and checks the result.
TrainConfig train_config(const Settings& settings, const ModelConfig& model);

/// A model's keys as settings of `train`, read from `where`.
std::vector<Assignment> model_settings(const ModelConfig& model, const std::string& where);

/// Throws ErrorCode::memory, naming the largest batch that fits, if the run needs more memory than the system
/// or the GPU has free. Touches none of that memory. For the memory of counting n-grams, which depends on the
/// data, see `counting_bytes`.
void check_memory(const TrainConfig& config, Executor& device);

/// Throws ErrorCode::memory if the parameters of a model, `bytes_each` with their gradients and copies, need
/// more memory than the system has free.
void check_parameter_memory(const ModelConfig& config, int64_t bytes_each);

/// Writes the values back to the settings, so that a run saves the values it used.
void note_resolved(Settings& settings, const TrainConfig& config);

/// Tokens per second of training at the GPU vendor's stated peak; 0 if that peak or the model's work is
/// unknown, as for a classifier, whose texts vary in length.
double peak_tokens_per_s(const Model& model, DType dtype);

/// Rows of `block_size` random tokens and targets, for timing, where values do not matter. For a classifier,
/// the last token of a row has a label.
Batch random_batch(int64_t rows, const ModelConfig& model, uint64_t seed);

}  // namespace hewn::cli
