#pragma once
// The update rules of optimizers, and the parameters to which each applies.

#include <vector>

#include "kernels/contract/launch.h"
#include "train/config.h"
#include "train/step/slab_blocks.h"

namespace hewn {

/// The target of one call of a rule: consecutive elements of a slab, [n], or one parameter, in its shape.
struct Updated {
  Tensor w;                     ///< the parameters
  Tensor g;                     ///< their gradients, before clipping
  std::vector<Tensor> moments;  ///< in the order of the rule; zero before the first step
  int64_t n_decayed;            ///< the first ones have weight decay
  Tensor w_bf16;  ///< [n_decayed], receives the new parameters as bf16; undefined: there are no such copies
  const StepState* state;  ///< learning rate, step, clip factor; nothing may change if it is not finite
};

/// An update rule: a row of the table in rules.cpp.
struct Rule {
  OptimizerKind of;  ///< the optimizer with this rule; it may have others before and after
  const char*
      moments;  ///< a letter for each moment of an element: "m" is saved as "m.PARAMETER"
  void (*update)(const OptimizerConfig& config, const Updated& updated);
  /// Whether it updates a parameter not taken by earlier rules; null: all.
  bool (*takes)(const Parameter& parameter) = nullptr;
  bool whole = false;  ///< whether each call updates one whole parameter on one process
};

/// Consecutive parameters that are updated by the same rule, or a single one that its rule needs whole.
struct ParameterGroup {
  const Rule* rule;
  Range members;   ///< of the slab
  Range elements;  ///< of the slab, including the gap after them
};

/// The groups of all parameters, in the order of the slab.
std::vector<ParameterGroup> parameter_groups(const Parameters& parameters, const OptimizerConfig& config);

/// The blocks of the gradients' norm, which do not divide a parameter that a rule needs whole.
SlabBlocks blocks_of(const Parameters& parameters, const OptimizerConfig& config);

}  // namespace hewn
