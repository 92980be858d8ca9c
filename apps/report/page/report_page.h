#pragma once

#include <string>
#include <string_view>

namespace hewn::cli {

/// A page with pictures of one or several runs. `json` is the object that `hewn report --json` prints (docs/formats.md).
/// Curves and points are drawn by Chart.js; a build without it shows their numbers only.
std::string report_page(std::string_view title, std::string_view json);

}  // namespace hewn::cli
