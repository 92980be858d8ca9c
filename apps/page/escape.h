#pragma once
// Text as parts of an HTML page. Bytes that are not UTF-8 become U+FFFD.

#include <string>
#include <string_view>

namespace hewn::cli {

/// JSON as it can stand in a script element: without <, so that nothing ends the element, and without the line ends U+2028
/// and U+2029; all three as escapes, so that it is the same JSON.
std::string inside_script(std::string_view json);

/// Text as it can stand between tags and in the value of an attribute.
std::string inside_html(std::string_view text);

}  // namespace hewn::cli
