#pragma once
// The page of the course: all chapters in one file.

#include <string>
#include <string_view>

namespace hewn::cli {

/// A page over {"chapters": [{"id", "title", "html"}]}.
std::string course_page(std::string_view json);

}  // namespace hewn::cli
