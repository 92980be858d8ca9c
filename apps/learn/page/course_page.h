#pragma once
// The page of the course: all chapters in one file.

#include <string>
#include <string_view>

namespace hewn::cli {

/// A page over {"chapters": [{"id", "title", "html"}]}; `picture_style` is the content of the pictures' style
/// elements.
std::string course_page(std::string_view json, std::string_view picture_style);

}  // namespace hewn::cli
