#pragma once
// RUN/reference.safetensors: the log probabilities of all answers under the reference model (docs/formats.md), which
// cannot be computed again after the first step.

#include <string>

#include "model/model.h"
#include "train/config.h"
#include "train/step/micro_batches.h"
#include "train/tasks/preference/pairs.h"

namespace hewn {

inline constexpr const char* reference_file = "reference.safetensors";

/// The pairs of a run.
struct PairSides {
  std::vector<PreferencePair> train, val, test;
};

/// Writes `PreferencePair::reference` of all pairs atomically, as float32 if that is exact, with checksums of
/// the values and of the pairs' tokens.
void write_reference(const std::string& path, const PairSides& sides);

/// Reads it back, the same bits. Throws ErrorCode::input if the file is damaged, or was written for other
/// pairs.
void read_reference(const std::string& path, PairSides& sides);

// The loss of direct preference optimisation: Rafailov et al., "Direct Preference Optimization: Your Language Model is
// Secretly a Reward Model" (2023), equation 7; label smoothing as in Mitchell, "A note on DPO with noisy preferences"
// (2023).

/// log P of each row's targets, the sum over those that are not ignored: tokens and targets [R, T] -> [R].
Tensor row_log_probabilities(Model& model, const Tensor& tokens, const Tensor& targets,
                             const ForwardOptions& options = {});

/// The mean over pairs of -(1 - s) log sigmoid(m) - s log sigmoid(-m), a scalar, with the label smoothing s and
///   m = beta ((log P(chosen) - log R(chosen)) - (log P(rejected) - log R(rejected))),
/// for log probabilities [2 pairs] of the model, P, and of the reference model, R: chosen answer of pair i at
/// 2i, rejected answer at 2i + 1. No gradient flows to the reference.
Tensor preference_loss(const Tensor& log_probabilities, const Tensor& reference,
                       const PreferenceConfig& config);
/// The same as the loss of a `Trainer`, for batches whose rows are pairs.
LossOf preference_loss(const PreferenceConfig& config);

}  // namespace hewn
