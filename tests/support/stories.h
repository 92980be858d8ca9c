#pragma once
// Llama models in llama2.c's format with their vocabularies and greedy texts: the one in tests/fixtures, and
// llama2.c's stories260K where available.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/support/env.h"

namespace hewn::test {

struct Stories {
  std::filesystem::path model, tokens;  ///< .bin and tokN.bin
  std::filesystem::path results;        ///< prompts.json, NAME.json, NAME.logits.safetensors

  /// The content of NAME.json for every name.
  std::vector<nlohmann::json> all() const {
    std::vector<nlohmann::json> found;
    for (const auto& prompt : nlohmann::json::parse(read_file(results / "prompts.json"))) {
      found.push_back(
          nlohmann::json::parse(read_file(results / (prompt.at("name").get<std::string>() + ".json"))));
      found.back()["name"] = prompt.at("name");
    }
    return found;
  }
};

inline std::vector<Stories> stories() {
  const std::filesystem::path own = source_dir() / "tests/fixtures/stories";
  std::vector<Stories> found{{own / "model.bin", own / "tok384.bin", own}};
  const std::filesystem::path other = shared_root();
  if (exists(other / "models/stories260K"))
    found.push_back({other / "models/stories260K/stories260K.bin", other / "models/stories260K/tok512.bin",
                     other / "fixtures/stories260k"});
  return found;
}

}  // namespace hewn::test
