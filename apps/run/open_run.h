#pragma once
// A trained model, opened with everything that belongs to it.

#include <memory>
#include <string>

#include "apps/cli/settings.h"
#include "kernels/devices/devices.h"
#include "model/model.h"
#include "model/tokenizer/tokenizer.h"
#include "train/checkpoint.h"

namespace hewn::cli {

struct OpenRun {
  std::string run;         ///< the run's directory
  std::string checkpoint;  ///< the checkpoint's
  std::unique_ptr<Executor> device;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null if the run was trained on bare token ids
  std::unique_ptr<Model> model;
  Settings config;  ///< the run's config.toml, as settings of `train`
};

/// What RUN/config.toml says, as settings of `train`.
Settings read_run_config(const std::string& run);

/// The tokenizer of a run, checked against the hash its checkpoints remember; null if it has none.
std::shared_ptr<const Tokenizer> run_tokenizer(const std::string& run, uint64_t expected_hash);

/// Opens the one argument RUN (a run, or one of its checkpoints) of a command on the device the settings ask
/// for. Usage error without exactly one argument, input error when it is damaged.
OpenRun open_run(const Settings& settings);

}  // namespace hewn::cli
