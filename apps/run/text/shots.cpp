#include "apps/run/text/shots.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/file.h"

namespace hewn::cli {
namespace {

constexpr size_t most_shots = size_t{16} << 20;

// Parses one line of the file as an example.
Shot shot_of(const std::string& line, const std::string& where) {
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  const auto has_text = [&](const char* key) { return object.contains(key) && object[key].is_string(); };
  if (!object.is_object() || !has_text("input") || !has_text("output"))
    fail(ErrorCode::input, where, R"( is not an example; expected {"input": "...", "output": "..."})");
  return {object["input"].get<std::string>(), object["output"].get<std::string>()};
}

std::vector<Shot> read_shots(const std::string& path) {
  std::vector<Shot> shots;
  int64_t number = 0;
  for (std::string& line : split(read_given_file(path, most_shots), '\n')) {
    ++number;
    if (line.find_first_not_of(" \t\r") != line.npos)
      shots.push_back(shot_of(line, path + ":" + std::to_string(number)));
  }
  return shots;
}

}  // namespace

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : 0;
    const bool escape = text[i] == '\\' && (next == 'n' || next == 't' || next == '\\');
    out += !escape ? text[i] : next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
    i += escape;
  }
  return out;
}

std::string Shots::prompt(const std::string& input) const {
  std::string text;
  for (const Shot& shot : examples) text += before + shot.input + between + shot.output + after;
  text += before + input + between;
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

Shots shots_from(const Settings& settings) {
  constexpr std::string_view input = "{input}", output = "{output}";
  const std::string written = unescaped(settings.text("template"));
  const size_t first = written.find(input), second = written.find(output);
  require(first != written.npos && second != written.npos && first < second, settings.where("template"),
          ": expected {input} followed by {output}, as in 'Q: {input}\\nA: {output}\\n\\n'");
  Shots shots{.before = written.substr(0, first),
              .between = written.substr(first + input.size(), second - first - input.size()),
              .after = written.substr(second + output.size()),
              .examples = {}};
  if (settings.given("shots")) shots.examples = read_shots(settings.text("shots"));
  return shots;
}

std::optional<Shots> shots_of(const Settings& settings) {
  if (!settings.given("shots") && !settings.given("template")) return std::nullopt;
  return shots_from(settings);
}

}  // namespace hewn::cli
