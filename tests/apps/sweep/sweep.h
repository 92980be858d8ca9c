#pragma once
// A sweep small enough for a test.

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/small_run.h"

namespace hewn::test {

/// `hewn sweep` in dir/sweep on a text of its own: tiny runs of 20 steps, with these arguments added.
inline std::vector<std::string> small_sweep(const TempDir& dir, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = small_train(dir, more);
  arguments[0] = "sweep";
  for (std::string& word : arguments)
    if (word.starts_with("--out_dir=")) word = "--out_dir=" + (dir / "sweep").string();
  return arguments;
}

inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream in(read_file(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The results of a sweep that do not depend on the clock, sorted.
inline std::vector<std::string> timeless_results(const std::filesystem::path& sweep) {
  std::vector<std::string> results;
  for (const std::string& line : lines_of(sweep / "results.jsonl")) {
    auto r = nlohmann::ordered_json::parse(line);
    r.erase("seconds");
    r.erase("tokens_per_s");
    results.push_back(r.dump());
  }
  std::sort(results.begin(), results.end());
  return results;
}

}  // namespace hewn::test
