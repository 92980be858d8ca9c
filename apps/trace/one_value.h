#pragma once
// Explains one element of a node's value in numbers.

#include "apps/cli/settings.h"
#include "apps/trace/narrate.h"

namespace hewn::cli {

/// Prints the element named by the key `node`, its gradient, and the sum or formula that produced it, as text
/// or JSON. A node is named by its number (#12), its name in the formula, or its part of the model and
/// operation (h.0.ln_1.layernorm); the index follows in brackets and may omit leading dimensions of size 1.
/// The recorder of the trace must have kept tensors. Throws usage for an unknown node, with the nearest name,
/// and for an index outside of its shape.
void print_one_value(const Settings& settings, const Trace& trace, const NodeNames& names);

}  // namespace hewn::cli
