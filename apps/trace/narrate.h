#pragma once
// A trace as text.

#include <map>
#include <string>
#include <vector>

#include "train/inspect/trace/trace.h"

namespace hewn::cli {

/// Names of nodes, by number.
using NodeNames = std::map<int64_t, std::string>;

/// "#2 y", or "#2" for a node without a name.
std::string node_label(int64_t node, const NodeNames& names);
/// The text of an input: "#2 y", "w", "2 (constant)", or "-" for one that is left out.
std::string input_label(const Edge& edge, const NodeNames& names);
/// A tensor on one line: "0.5", "[1 2; 3 4]", or "[64, 128], mean 0.01, std 0.8" if it is large.
std::string tensor_text(const TensorSummary& tensor);

/// The rows of a table, aligned to the left, each indented by two blanks.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

/// The forward pass node by node, the backward pass from the newest node to the oldest, and the gradients of
/// the leaves.
std::string narrated(const Trace& trace, const NodeNames& names);

/// A trace as a graph in Graphviz's language: leaves and constants as ellipses, nodes as boxes with value and gradient.
std::string dot_text(const Trace& trace, const NodeNames& names);

}  // namespace hewn::cli
