#pragma once
// Self-contained HTML pages that show data: one file, opened without a network.

#include <string>
#include <string_view>

namespace hewn::cli {

struct PageParts {
  std::string_view title;   ///< any text
  std::string_view style;   ///< CSS, after that of all pages (style.css); without "</style"
  std::string_view script;  ///< JavaScript, after that of all pages (numbers.js, page.js); without "</script"
};

/// A page whose script finds `json` as the constant `data`. Its policy forbids the page to load anything.
std::string page(const PageParts& parts, std::string_view json);

}  // namespace hewn::cli
