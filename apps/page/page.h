#pragma once
// Self-contained HTML pages that show data: one file, opened without a network.

#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli {

struct PageParts {
  std::string_view title;               ///< any text
  std::string_view style = {};          ///< CSS, after the common CSS (style.css); without "</style"
  std::string_view script = {};         ///< JavaScript, after the common script (page.js); without "</script"
  std::string_view body = {};           ///< HTML before the script, without style attributes
  std::string_view picture_style = {};  ///< content of the style elements of pictures that the script shows
};

/// A page whose script finds `json` as the constant `data`. Its policy allows only this script and these
/// styles, identified by hashes, and loads nothing.
std::string page(const PageParts& parts, std::string_view json);
/// A page without its own script: a heading, then `body`.
std::string plain_page(std::string_view title, std::string_view body);

/// A table; the first row is its heading.
std::string html_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace hewn::cli
