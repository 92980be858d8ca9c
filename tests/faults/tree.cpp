#include "tests/faults/tree.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/env.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// The results of a sweep's runs, which may end in any order.
std::string timeless_results(const std::string& text) {
  std::istringstream in(text);
  std::multiset<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    auto result = nlohmann::json::parse(line, nullptr, false);
    if (result.is_object())
      for (const char* name : {"seconds", "tokens_per_s"}) result.erase(name);
    lines.insert(result.dump());
  }
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

/// The lines of a text up to the first of these marks; lines that contain one of `without` are left out.
std::string lines_without(const std::string& text, const std::vector<std::string>& marks,
                          const std::vector<std::string>& without) {
  std::istringstream in(text);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    if (std::any_of(without.begin(), without.end(),
                    [&](const std::string& part) { return line.find(part) != line.npos; }))
      continue;
    for (const std::string& mark : marks) line = line.substr(0, line.find(mark));
    kept += line + "\n";
  }
  return kept;
}

/// The part of a file's content that does not depend on the clock.
std::string timeless(const fs::path& path) {
  const std::string name = path.filename().string(), text = read_file(path);
  if (name == "metrics.jsonl") return lines_without(text, {",\"tokens_per_s\"", ",\"seconds\""}, {});
  if (name == "results.jsonl") return timeless_results(text);
  if (name == "MANIFEST")
    return lines_without(text, {}, {"  state.json", "  RUN/metrics.jsonl", "  MANIFEST"});
  if (name == "state.json") return lines_without(text, {}, {"\"seconds\""});
  return text;
}

bool ignored(const fs::path& path) {
  static const std::set<std::string> names{".lock", "env.json", "train.log", "report.html", "trace.html"};
  return names.contains(path.filename().string()) || path.parent_path().filename() == "logs" ||
         path.string().find("/.") != std::string::npos;
}

}  // namespace

Outputs outputs_of(const fs::path& root, const std::vector<std::string>& paths) {
  Outputs all;
  const auto add = [&](const fs::path& path) {
    const std::string name = fs::relative(path.parent_path(), root) / path.filename();
    if (ignored(path)) return;
    if (fs::is_symlink(path))
      all[name] = "-> " + fs::read_symlink(path).string();
    else if (fs::is_regular_file(path))
      all[name] = timeless(path);
  };
  for (const std::string& path : paths) {
    if (fs::is_directory(root / path))
      for (const auto& entry : fs::recursive_directory_iterator(root / path)) add(entry.path());
    else
      add(root / path);
  }
  return all;
}

std::string difference(const Outputs& got, const Outputs& expected) {
  for (const auto& [name, content] : expected) {
    const auto its = got.find(name);
    if (its == got.end()) return name + " is missing";
    if (its->second != content) return name + " differs";
  }
  for (const auto& [name, content] : got)
    if (!expected.contains(name)) return name + " is new";
  return "";
}

std::vector<std::string> temporaries_in(const fs::path& root) {
  std::vector<std::string> found;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (name.front() == '.' && name != ".lock") found.push_back(it->path().string());
    if (it->is_directory() && name.ends_with(".1")) it.disable_recursion_pending();
  }
  return found;
}

bool are_equal(const fs::path& a, const fs::path& b) {
  const auto everything = [](const fs::path& root) {
    std::map<fs::path, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      std::string& content = all[entry.path().lexically_relative(root)];
      if (entry.is_symlink())
        content = "-> " + fs::read_symlink(entry.path()).string();
      else
        content = entry.is_directory() ? "directory" : "file: " + read_file(entry.path());
    }
    return all;
  };
  return everything(a) == everything(b);
}

void restore(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
}

}  // namespace hewn::test
