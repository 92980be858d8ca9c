#pragma once

#include <string>

#include "apps/trace/narrate.h"

namespace hewn::cli {

/// A trace as a graph in Graphviz's language: leaves and constants as ellipses, nodes as boxes with value and gradient.
std::string dot_text(const Trace& trace, const NodeNames& names);

}  // namespace hewn::cli
