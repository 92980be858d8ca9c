#pragma once
// Elements of tensors on the command line: h.0.ln_1.layernorm[0,3].

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/settings.h"
#include "core/tensor.h"

namespace hewn::cli {

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
