#pragma once
// The backward pass, one node at a time.

#include <string>
#include <vector>

#include "apps/trace/narrate.h"

namespace hewn::cli {

/// For each node that the backward pass reached, from the newest to the oldest: the gradient that arrived, the formula,
/// and the node's contribution to the gradient of each input, with the sum so far. The recorder must have
/// kept sums.
std::vector<std::string> backward_steps(const Trace& trace, const NodeNames& names);

/// Prints these steps. On a terminal, waits for Enter after each; q and Enter, or the end of input, stops.
void print_backward_steps(const Trace& trace, const NodeNames& names);

}  // namespace hewn::cli
