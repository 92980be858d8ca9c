#pragma once
// Self-contained pages with charts, drawn by Chart.js, which is embedded in the program.

#include <string>
#include <string_view>

namespace hewn::cli {

/// The source of Chart.js; empty if this build does not contain it.
std::string_view chart_js();
/// Whether it does.
bool has_charts();
/// Throws unless it does.
void require_charts();

/// A page: `body` (HTML), then a script that defines the constant `name` as `json` and runs `script`, which may
/// use Chart.js and `colors`, a list of eight.
std::string chart_page(std::string_view title, std::string_view body, std::string_view name,
                       const std::string& json, std::string_view script);

}  // namespace hewn::cli
