#pragma once
// Parses JSON from untrusted files.

#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace hewn {

/// Parses a text. Throws nlohmann::json::parse_error if it is not JSON, ErrorCode::input for a number of 2^63
/// or more, since its conversion to an integer would be undefined.
nlohmann::json parse_json(std::string_view text);

/// The reason in an error of the JSON library, without the library's error code; at most 200 bytes.
std::string json_reason(const std::exception& error);

}  // namespace hewn
