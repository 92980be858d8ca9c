#include "model/config_json.h"

#include <nlohmann/json.hpp>
#include <variant>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

// The value of a key as JSON. Throws nlohmann::json::exception if its type is wrong.
KeyValue value_in(const nlohmann::json& json, const Domain& domain) {
  if (std::holds_alternative<Integers>(domain)) return json.get<int64_t>();
  if (std::holds_alternative<Reals>(domain)) return json.get<double>();
  if (std::holds_alternative<Switch>(domain)) return json.get<bool>();
  return json.get<std::string>();
}

}  // namespace

std::string to_json(const ModelConfig& given) {
  const ModelConfig config = given.resolved();
  Json json;
  const ModelConfig initial;
  for (const auto& key : model_keys) {
    const KeyValue value = key.get(config);
    if (key.from_data && value == key.get(initial)) continue;
    std::visit([&](const auto& plain) { json[std::string(key.name)] = plain; }, value);
  }
  return exact_json_text(json, 2);
}

ModelConfig model_config_from_json(const std::string& text) {
  const Doing context("reading a model configuration");
  ModelConfig config;
  try {
    nlohmann::json json = parse_json(text);
    if (!json.is_object()) fail(ErrorCode::input, "expected a JSON object");
    const bool scaled = json.contains("pos_scale");
    for (const auto& key : model_keys) {
      const std::string name(key.name);
      if (!json.contains(name)) continue;
      const KeyValue value = value_in(json[name], key.domain);
      if (std::holds_alternative<Choices>(key.domain)) require_allowed(name, key.domain, value);
      key.set(config, value);
      json.erase(name);
    }
    if (!scaled && config.pos == Positions::sinusoidal)
      config.pos_scale = 1;  // the file is older than this key
    if (!json.empty()) fail(ErrorCode::input, "unknown key \"", json.begin().key(), "\"");
    config.check();
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorCode::input, json_reason(e));
  } catch (const Error& e) {
    throw Error(ErrorCode::input, e.what());
  }
  return config;
}

}  // namespace hewn
