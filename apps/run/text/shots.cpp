#include "apps/run/text/shots.h"

#include <nlohmann/json.hpp>

#include "apps/run/run_config.h"
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

namespace {

BeamOptions beam_options(const Settings& settings, const GenerateOptions& plain) {
  return {.beams = settings.integer("beam") > 0 ? settings.integer("beam") : 4,
          .max_new_tokens = plain.max_new_tokens,
          .length_penalty = settings.real("length_penalty"),
          .context = plain.context,
          .stop_tokens = plain.stop_tokens};
}

}  // namespace

std::vector<DecodingMethod> decoding_methods(const Settings& settings, const TextEncoder& texts,
                                             const Ends& ends) {
  const double temperature = settings.real("temperature");
  const GenerateOptions plain{.max_new_tokens = settings.integer("max_new_tokens"),
                              .sampling = {.temperature = temperature},
                              .seed = static_cast<uint64_t>(settings.integer("seed")),
                              .context = context_of(settings, texts),
                              .stop_tokens = ends.tokens};
  std::vector<DecodingMethod> all;
  const auto add = [&](std::string_view name, const std::string& label, const SamplingOptions& sampling) {
    all.push_back({.name = std::string(name), .label = label, .options = plain});
    all.back().options.sampling = sampling;
  };
  add("greedy", "greedy", {.temperature = 0});
  const BeamOptions beam = beam_options(settings, plain);
  all.push_back({.name = "beam", .label = join("beam=", beam.beams), .beam = beam});
  for (const double t : {0.5, 1.0, 1.5}) add("temperature", join("temperature=", t), {.temperature = t});
  // First the methods that cut the distribution, then those that change the logits.
  for (const bool cuts : {true, false})
    for (const auto& [key, usual, keeps] : sampling_methods) {
      if (key.name == "temperature" || cuts != (keeps != nullptr)) continue;
      KeyValue value = usual;
      if (std::holds_alternative<Integers>(key.domain)) value = static_cast<int64_t>(usual);
      if (settings.given(key.name)) value = value_of(settings, key.name, key.domain);
      SamplingOptions sampling = plain.sampling;
      key.set(sampling, value);
      add(key.name, join(key.name, "=", text_of(value), " at temperature=", temperature), sampling);
    }
  return all;
}

}  // namespace hewn::cli
