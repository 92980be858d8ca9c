#pragma once
// Explains one element of a node's value in numbers.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/trace/narrate.h"
#include "core/tensor.h"

namespace hewn::cli {

/// Prints the element named by the key `node`, its gradient, and the sum or formula that produced it, as text
/// or JSON. A node is named by its number (#12), its name in the formula, or its part of the model and
/// operation (h.0.ln_1.layernorm); the index follows in brackets and may omit leading dimensions of size 1.
/// The recorder of the trace must have kept tensors. Throws usage for an unknown node, with the nearest name,
/// and for an index outside of its shape.
void print_one_value(const Settings& settings, const Trace& trace, const NodeNames& names);

// Elements of tensors on the command line: h.0.ln_1.layernorm[0,3].

struct NamedElement {
  std::string name;                 ///< the part before the brackets
  std::vector<int64_t> index = {};  ///< in each dimension; empty without brackets
};

/// The element that a key names. Throws usage for any other form; `expected` describes the form in the
/// message.
NamedElement named_element(const Settings& settings, std::string_view key, std::string_view expected);

/// The index, completed by omitted leading dimensions of size 1. Throws usage if it is outside of `shape`;
/// `name` is the tensor's name in the message.
std::vector<int64_t> checked_index(const Settings& settings, std::string_view key, const std::string& name,
                                   const Shape& shape, std::vector<int64_t> index);

/// "[0,3]", or "" for a scalar.
std::string index_text(const std::vector<int64_t>& index);

}  // namespace hewn::cli
