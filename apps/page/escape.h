#pragma once
// Escapes text for HTML pages. Bytes that are not UTF-8 become U+FFFD.

#include <string>
#include <string_view>

namespace hewn::cli {

/// JSON for a script element: escapes <, which could end the element, and the line ends U+2028 and U+2029;
/// the JSON stays equivalent.
std::string inside_script(std::string_view json);

/// Text for use between tags and in attribute values.
std::string inside_html(std::string_view text);

}  // namespace hewn::cli
