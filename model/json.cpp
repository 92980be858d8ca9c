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
      fail(ErrorCode::input, "it holds the number ", parsed.get<double>(), "; expected numbers below 2^63");
    return true;
  });
}

}  // namespace hewn
