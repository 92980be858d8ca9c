#pragma once
// The loss of direct preference optimisation: Rafailov et al., "Direct Preference Optimization: Your Language Model is
// Secretly a Reward Model" (2023), equation 7; label smoothing as in Mitchell, "A note on DPO with noisy preferences"
// (2023).

#include "model/model.h"
#include "train/config.h"
#include "train/step/batch_on_device.h"

namespace hewn {

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
