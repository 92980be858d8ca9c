#include "tests/docs/pages.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/env.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

std::string without_comments(const std::string& text) {
  std::string code;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) code += line.substr(0, line.find("//")) + "\n";
  return code;
}

/// All files below these folders whose extension is one of these; not these tests, which name what is missing.
std::string texts_in(const std::vector<const char*>& folders, const std::set<std::string>& extensions) {
  std::string all;
  for (const char* folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(source_dir() / folder))
      if (entry.is_regular_file() && entry.path().parent_path() != source_dir() / "tests/docs" &&
          extensions.contains(entry.path().extension().string()))
        all += read_file(entry.path());
  return all;
}

}  // namespace

Page page(std::string path, const std::string& text) {
  Page p{.path = std::move(path), .prose = {}, .blocks = {}};
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```"))
      inside = !inside;
    else
      (inside ? p.blocks : p.prose) += line + "\n";
  }
  return p;
}

Page page(const std::string& path) { return page(path, read_file(source_dir() / path)); }

std::vector<std::string> pages() {
  std::vector<std::string> all{"README.md", "CONTRIBUTING.md"};
  for (const std::string folder : {"docs/", "docs/course/", "docs/internals/", "docs/performance/"})
    for (const auto& entry : fs::directory_iterator(source_dir() / folder))
      if (entry.path().extension() == ".md") all.push_back(folder + entry.path().filename().string());
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), regex); it != std::sregex_iterator(); ++it)
    found.push_back((*it)[1]);
  return found;
}

const std::string& sources() {
  static const std::string text = without_comments(
      texts_in({"core", "kernels", "model", "train", "apps", "examples", "tests"}, {".h", ".cpp", ".cu", ".cuh"}));
  return text;
}

const std::string& scripts() {
  static const std::string text =
      texts_in({"core", "kernels", "model", "train", "apps", "examples", "tests", "cmake", "scripts", "configs"},
               {".txt", ".cmake", ".py", ".sh", ".toml"});
  return text;
}

}  // namespace hewn::test
