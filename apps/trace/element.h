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
  std::string name;                 ///< what is before the brackets
  std::vector<int64_t> index = {};  ///< in each dimension; empty without brackets
};

/// The element that a key names. Throws usage for another form; `expected` says in the message what to give.
NamedElement named_element(const Settings& settings, std::string_view key, std::string_view expected);

/// The index with the leading dimensions of size 1 that were left out. Throws usage if it is not a place in `shape`, of
/// what the message calls `name`.
std::vector<int64_t> checked_index(const Settings& settings, std::string_view key, const std::string& name,
                                   const Shape& shape, std::vector<int64_t> index);

/// "[0,3]", or "" for a scalar.
std::string index_text(const std::vector<int64_t>& index);

}  // namespace hewn::cli
