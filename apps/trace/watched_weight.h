#pragma once
// hewn trace --watch: one weight through training.

#include "apps/cli/settings.h"

namespace hewn::cli {

/// Trains for `iters` steps and prints, for each, the element of a parameter that the key `watch` names: its value, the
/// gradient of the loss, both moments after the step and what the step adds to the value; as a table or JSON. A run and the
/// lesson model go on with their weights, a run also with its moments; a configuration begins. Nothing is written. Throws
/// usage for a parameter that is not there, with the nearest name, for a place outside of its shape, and for models that
/// have no training data.
void print_watched_weight(const Settings& settings);

}  // namespace hewn::cli
