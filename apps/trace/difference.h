#pragma once
// hewn trace --diff: compares two tapes of the same text.

#include "apps/cli/settings.h"

namespace hewn::cli {

/// Traces the given model and the one named by `diff` over the same text, and prints the distance of their
/// values and gradients, node by node. Throws usage if their tokens differ.
void print_difference(const Settings& settings);

}  // namespace hewn::cli
