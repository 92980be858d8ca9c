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

// Escapes text for HTML pages. Bytes that are not UTF-8 become U+FFFD.

/// JSON for a script element: escapes <, which could end the element, and the line ends U+2028 and U+2029;
/// the JSON stays equivalent.
std::string inside_script(std::string_view json);

/// Text for use between tags and in attribute values.
std::string inside_html(std::string_view text);

// SHA-256 (FIPS 180-4), which identifies script and style in a page's policy.

/// The 32 bytes of the sum.
std::string sha256(std::string_view text);

}  // namespace hewn::cli
