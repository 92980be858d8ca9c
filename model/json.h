#pragma once
// JSON of files that nobody vouches for.

#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace hewn {

/// The tree of a text. Throws nlohmann::json::parse_error where it is not JSON, ErrorCode::input for a number
/// of 2^63 or more: it would be undefined what it becomes where an integer is expected.
nlohmann::json parse_json(std::string_view text);

/// What is wrong in the words of the JSON library, without its name for the kind of mistake; at most 200
/// bytes.
std::string json_reason(const std::exception& error);

}  // namespace hewn
