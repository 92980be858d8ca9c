#pragma once
// JSON of files that nobody vouches for.

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace hewn {

/// The tree of a text. Throws nlohmann::json::parse_error where it is not JSON, ErrorCode::input for a number
/// of 2^63 or more: it would be undefined what it becomes where an integer is expected.
nlohmann::json parse_json(std::string_view text);

}  // namespace hewn
