#pragma once
// The size of gradients by depth, to show whether they vanish or explode between layers.

#include <span>
#include <string>
#include <vector>

#include "train/step/trainer.h"

namespace hewn {

/// The L2 norm of the gradients of one part of a model.
struct PartNorm {
  std::string part;  ///< "wte", "h.3", "ln_f", "lm_head"
  double norm = 0;
};

/// The part of a parameter: "h.3" for "transformer.h.3.mlp.c_fc.weight".
std::string part_of(const std::string& parameter);

/// The norms of all parts with trained parameters, in the model's order, for one step on these micro-batches.
/// Changes neither parameters nor moments. Takes as long as a step without an update.
std::vector<PartNorm> grad_norms(Trainer& trainer, std::span<const Batch> micro_batches);

/// For all parts, the norm of one update divided by that of the weights before it; 0 where the weights are
/// zero. Takes the step and undoes it: parameters, moments and the number of steps are restored bit for bit.
/// No step may be queued. Takes as long as a step, and memory for another copy of parameters and moments.
std::vector<PartNorm> update_ratios(Trainer& trainer, std::span<const Batch> micro_batches);

}  // namespace hewn
