#include "model/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace hewn {

nlohmann::json parse_json(std::string_view text) {
  using nlohmann::json;
  constexpr double beyond = 9223372036854775808.0;
  return json::parse(text, [](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::value && parsed.is_number_float() &&
        !(std::abs(parsed.get<double>()) < beyond))
      fail(ErrorCode::input, "the JSON contains the number ", parsed.get<double>(),
           "; expected numbers below 2^63");
    return true;
  });
}

std::string json_reason(const std::exception& error) {
  std::string_view reason = error.what();  // "[json.exception.parse_error.101] parse error at line 1"
  if (const size_t end = reason.find("] "); reason.starts_with('[') && end != reason.npos)
    reason.remove_prefix(end + 2);
  return std::string(reason.substr(0, 200));
}

}  // namespace hewn
