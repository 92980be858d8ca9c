#include "apps/run/text/token_view.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

constexpr size_t shown_others = 4;
constexpr size_t column = 16;  // width of the chosen token, in characters

Json as_json_text(const Tokenizer& tokenizer, int32_t id) {
  return Json::parse(json_text(Json(std::string(tokenizer.piece(id)))));
}

std::string percent(double log_probability) { return fixed(100 * std::exp(log_probability), 1) + "%"; }

/// Green for a high probability, yellow, red for a low one.
std::string in_color_of(double log_probability, const std::string& text) {
  const double p = std::exp(log_probability);
  return in_color(Stream::results, p >= 0.5 ? "32" : p >= 0.1 ? "33" : "31", text);
}

size_t width_of(const std::string& utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string quoted_piece(const Tokenizer& tokenizer, int32_t id) {
  return json_text(as_json_text(tokenizer, id));
}

Json token_record(const Tokenizer& tokenizer, int32_t id, double log_probability) {
  return {{"token", id}, {"text", as_json_text(tokenizer, id)}, {"logprob", log_probability}};
}

std::string probability_line(const Tokenizer& tokenizer, const Generated& generated) {
  const std::vector<double> logs = log_probabilities(generated.logits);
  const std::string token = quoted_piece(tokenizer, generated.token),
                    chosen = percent(logs[static_cast<size_t>(generated.token)]);
  const size_t width = width_of(token), fill = width < column ? column - width : 1;
  std::string line = in_color_of(logs[static_cast<size_t>(generated.token)], token) + std::string(fill, ' ') +
                     std::string(chosen.size() < 6 ? 6 - chosen.size() : 0, ' ') + chosen + "  ";
  size_t others = 0;
  for (const int32_t id : likeliest(logs, shown_others + 1)) {
    if (id == generated.token || others++ == shown_others) continue;
    line += "  " + quoted_piece(tokenizer, id) + " " + percent(logs[static_cast<size_t>(id)]);
  }
  return line + "\n";
}

Json log_probability_record(const Tokenizer& tokenizer, const Generated& generated) {
  const std::vector<double> logs = log_probabilities(generated.logits);
  const auto about = [&](int32_t id) { return token_record(tokenizer, id, logs[static_cast<size_t>(id)]); };
  Json record = about(generated.token);
  record["top"] = Json::array();
  for (const int32_t id : likeliest(logs, shown_others + 1)) record["top"].push_back(about(id));
  return record;
}

}  // namespace hewn::cli
