#pragma once
// Finds where values stop being finite.

#include <span>
#include <string>

#include "train/step/trainer.h"

namespace hewn {

/// The first parameter with values that are not finite, "transformer.wte.weight: 3 of 4096 values are not
/// finite", or "". An update can overflow even if its gradients are finite. With several ranks, all call it.
std::string bad_parameter(Trainer& trainer);

/// Repeats a non-finite step, without the update, and names the first node whose value or gradient is not
/// finite: "h.2.attn softmax, values: 3 of 4096 elements are not finite". Takes as long as one slow step. With several
/// ranks, all call it.
std::string first_bad_node(Trainer& trainer, std::span<const Batch> micro_batches);

}  // namespace hewn
