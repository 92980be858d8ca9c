#pragma once
// hewn trace --watch: one weight through training.

#include "apps/cli/settings.h"

namespace hewn::cli {

/// Trains for `iters` steps and prints, for each step, the parameter element named by the key `watch`: its
/// value, the gradient of the loss, both moments after the step and the change of the value; as a table or
/// JSON. A run continues with its weights and moments, the lesson model with its weights; a configuration
/// starts from initial weights. Nothing is written. Throws usage for an unknown parameter, with the nearest
/// name, for an index outside of its shape, and for models without training data.
void print_watched_weight(const Settings& settings);

}  // namespace hewn::cli
