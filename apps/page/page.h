#pragma once
// Self-contained HTML pages that show data: one file, opened without a network.

#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli {

struct PageParts {
  std::string_view title;               ///< any text
  std::string_view style = {};          ///< CSS, after that of all pages (style.css); without "</style"
  std::string_view script = {};         ///< JavaScript, after that of all pages (page.js); without "</script"
  std::string_view body = {};           ///< HTML before the script, without style attributes
  std::string_view picture_style = {};  ///< of the style element of pictures that the script shows
};

/// A page whose script finds `json` as the constant `data`. Its policy allows this script and these styles, named by
/// their hashes, and nothing to be loaded.
std::string page(const PageParts& parts, std::string_view json);
/// A page without a script of its own: a heading, then `body`.
std::string plain_page(std::string_view title, std::string_view body);

/// A table; the first row is its heading.
std::string html_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace hewn::cli
