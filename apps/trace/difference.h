#pragma once
// hewn trace --diff: two tapes of the same text beside each other.

#include "apps/cli/settings.h"

namespace hewn::cli {

/// Traces the model that is named and the other one of `diff` over the same text, and prints how far their values and
/// gradients are apart, node by node. Throws usage if their tokens differ.
void print_difference(const Settings& settings);

}  // namespace hewn::cli
