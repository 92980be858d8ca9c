#pragma once

#include <string>
#include <string_view>

namespace hewn::cli {

/// A page that steps through a trace: the model's parts, the tape in time, and every node with its numbers.
/// `json` is the object that `hewn trace --json` prints (docs/formats.md).
std::string trace_page(std::string_view title, std::string_view json);

}  // namespace hewn::cli
