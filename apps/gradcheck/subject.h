#pragma once
// The model and batches that `hewn gradcheck` checks.

#include <memory>
#include <optional>
#include <vector>

#include "apps/cli/settings.h"
#include "model/model.h"
#include "model/weights/foreign.h"
#include "train/data/batches.h"

namespace hewn::cli {

/// The model to check, before its values are loaded.
struct Subject {
  ModelConfig config;
  std::optional<ForeignModel> run;  ///< none: random weights

  /// Creates the model, with gradients; random weights are drawn from `seed`.
  std::unique_ptr<Model> make(Device& device, DType dtype, uint64_t seed) const;
};

/// The model of the given run, or of the configuration. Throws usage for keys that contradict the run.
Subject subject_of(const Settings& settings);

/// The batches of a step: the key `text`, or random tokens. Throws usage for a text that is too short or too long.
std::vector<Batch> batches_of(const Settings& settings, const Subject& subject);

}  // namespace hewn::cli
