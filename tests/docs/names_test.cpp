// Names of code and counts of lines that pages state.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/docs/pages.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace fs = std::filesystem;
using namespace hewn::test;

namespace {

const std::set<std::string>& file_names() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const char* folder : {"core", "kernels", "model", "train", "apps", "examples", "tests", "scripts"})
      for (const auto& entry : fs::recursive_directory_iterator(source_dir() / folder))
        all.insert(entry.path().filename().string());
    return all;
  }();
  return names;
}

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// Places of a word in a text.
std::vector<size_t> places(const std::string& text, const std::string& word) {
  std::vector<size_t> found;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word_character(text[at - 1]);
    const size_t end = at + word.size();
    if (begins && (end == text.size() || !is_word_character(text[end]))) found.push_back(at);
  }
  return found;
}

/// Whether a type of this name has such a member: in its body, or defined outside.
bool has_member(const std::string& type, const std::string& member) {
  if (sources().find(type + "::" + member) != std::string::npos) return true;
  for (const size_t at : places(sources(), type)) {
    const size_t line = sources().rfind('\n', at) + 1;
    const std::string before = sources().substr(line, at - line);
    const size_t open = sources().find_first_of("{;(", at);
    if ((before.find("class ") == before.npos && before.find("struct ") == before.npos) ||
        open == sources().npos || sources()[open] != '{')
      continue;
    int depth = 1;
    size_t end = open + 1;
    for (; depth > 0 && end < sources().size(); ++end)
      depth += sources()[end] == '{' ? 1 : sources()[end] == '}' ? -1 : 0;
    if (!places(sources().substr(open, end - open), member).empty()) return true;
  }
  return false;
}

bool is_called(const std::string& name) {
  for (const size_t at : places(sources(), name)) {
    const char next = sources()[std::min(at + name.size(), sources().size() - 1)];
    if (next == '(' || next == '<') return true;
  }
  return false;
}

/// What is in code marks and names a type, a member, a function or a file that does not exist.
std::vector<std::string> missing_names(const Page& p) {
  static const std::regex member("([A-Z]\\w*)::(\\w+)(?:\\(.*\\))?"),
      function("(?:\\w+\\.)?([a-z][a-z0-9_]{2,})(?:<.*>)?\\(.*\\)"),
      file("[a-z_0-9]+\\.(?:h|cpp|cu|cuh|py|sh)"), type("[A-Z][a-z]\\w*[A-Z]\\w*[a-z]"),
      words("[a-z][a-z0-9]{2,}(?:_[a-z0-9]{3,})+");
  // Of other programs, of CMake, and what readers are to write themselves.
  static const std::set<std::string> elsewhere = {
      "find_package(hewn)", "AutoModelForCausalLM.from_pretrained(\"out-hf\")",
      "hewn_op(NAME)",      "Relu2Curve",
      "CubeNode",           "run_hello",
      "CamelCase",          "snake_case"};
  std::vector<std::string> missing;
  for (const std::string& text : matches(p.prose, "`([^`\n]+)`")) {
    if (elsewhere.contains(text)) continue;
    std::smatch m;
    const bool there = std::regex_match(text, m, member)     ? has_member(m[1], m[2])
                       : std::regex_match(text, m, function) ? is_called(m[1])
                       : std::regex_match(text, file)        ? file_names().contains(text)
                       : std::regex_match(text, type)        ? !places(sources(), text).empty()
                       : std::regex_match(text, words)       ? !places(sources() + scripts(), text).empty()
                                                             : true;
    if (!there) missing.push_back(text);
  }
  return missing;
}

/// A station of start-here.md.
struct Station {
  std::string title;
  int64_t minutes = 0;
  std::string text{};      ///< before its exercise
  std::string exercise{};  ///< and what follows
};

std::vector<Station> stations() {
  std::vector<Station> all;
  std::istringstream lines(page("docs/start-here.md").prose);
  static const std::regex heading("## \\d+\\. (.*) \\((\\d+) minutes\\)");
  std::string Station::*part = nullptr;
  for (std::string line; std::getline(lines, line);) {
    std::smatch m;
    if (std::regex_match(line, m, heading)) {
      all.push_back({m[1], std::stoll(m[2])});
      part = &Station::text;
      continue;
    }
    if (line.starts_with("## ")) part = nullptr;
    if (part && line.starts_with("**Exercise")) part = &Station::exercise;
    if (part) all.back().*part += line + "\n";
  }
  return all;
}

int64_t lines_in(const fs::path& file) {
  const std::string text = read_file(file);
  return std::count(text.begin(), text.end(), '\n');
}

/// The lines of all files that a station names: by their path, or by their name alone, then in its room.
int64_t lines_to_read(const Station& station) {
  std::set<fs::path> files;
  std::vector<fs::path> rooms;
  for (const std::string& room : matches(station.text, "`(kernels/[a-z_]+)[`/]"))
    rooms.push_back(source_dir() / room);
  for (const std::string& name : matches(station.text, "`([A-Za-z0-9_/]+\\.(?:h|cpp|cu|cuh))`")) {
    if (name.find('/') != name.npos) {
      files.insert(source_dir() / name);
      continue;
    }
    fs::path found;
    for (auto room = rooms.rbegin(); room != rooms.rend() && found.empty(); ++room)
      for (const auto& entry : fs::recursive_directory_iterator(*room))
        if (entry.path().filename() == name) found = entry.path();
    INFO(station.title << ": " << name);
    CHECK(!found.empty());
    if (!found.empty()) files.insert(found);
  }
  int64_t lines = 0;
  for (const fs::path& file : files) lines += lines_in(file);
  return lines;
}

/// The number before `unit` on the page: "at 15 lines a minute", "9.5 hours".
double stated(const std::string& text, const std::string& unit) {
  const std::vector<std::string> found = matches(text, ("([\\d.]+)\\s+" + unit).c_str());
  INFO("a number before: " << unit);
  REQUIRE(!found.empty());
  return std::stod(found[0]);
}

/// Whether a number on a page is near enough to be true.
bool about(double stated, double counted) { return std::abs(stated - counted) <= 0.15 * counted; }

}  // namespace

TEST_CASE("docs: types, members, functions and files in code marks exist") {
  for (const std::string& path : pages()) {
    INFO(path);
    CHECK(missing_names(page(path)) == std::vector<std::string>{});
  }
  const Page wrong =
      page("docs/x.md",
           "`Tape::push` `Tape::gone` `record(y, {x}, Node)` `gone_away(y)` `tape.h` `gone.h` `SoftmaxNode` "
           "`GoneNode` `parallel_for` `parallel_gone` `x_i` `dx = f(y)`\n");
  CHECK(missing_names(wrong) ==
        std::vector<std::string>{"Tape::gone", "gone_away(y)", "gone.h", "GoneNode", "parallel_gone"});
}

TEST_CASE("docs: start-here.md states the reading time of its stations") {
  const std::string text = page("docs/start-here.md").prose;
  const std::vector<Station> all = stations();
  const double rate = stated(text, "lines a minute");
  CHECK(static_cast<double>(all.size()) == stated(text, "stations"));
  int64_t minutes = 0;
  for (const Station& station : all) {
    const int64_t lines = lines_to_read(station);
    INFO(station.title << " has " << lines << " lines");
    CHECK(station.minutes == 5 * std::llround(static_cast<double>(lines) / rate / 5));
    minutes += station.minutes;
  }
  INFO(minutes << " minutes; the page states them in half hours");
  CHECK(stated(text, "hours") == static_cast<double>(std::llround(static_cast<double>(minutes) / 30)) / 2);
  INFO(lines_in(source_dir() / "model/gpt.cpp") << " lines in model/gpt.cpp");
  const std::vector<std::string> lines = matches(text, "GPT-2 in (\\d+) lines");
  if (!lines.empty())
    CHECK(about(std::stod(lines[0]), static_cast<double>(lines_in(source_dir() / "model/gpt.cpp"))));
}

// scripts/try-patches.sh applies, builds and runs them.
TEST_CASE("docs: each exercise of start-here.md has a patch, and each patch of tests/lessons an exercise") {
  std::set<std::string> named;
  const std::vector<Station> all = stations();
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<std::string> patches =
        matches(all[i].exercise, "`(tests/(?:lessons|house)/[a-z_]+\\.patch)`");
    INFO(all[i].title);
    REQUIRE(patches.size() == 1);
    named.insert(patches[0]);
    const std::string text = read_file(source_dir() / patches[0]);
    CHECK(matches(text, "exercise of station (\\d+) in\\s+docs/start-here.md") ==
          std::vector<std::string>{std::to_string(i + 1)});
  }
  for (const auto& entry : fs::directory_iterator(source_dir() / "tests/lessons"))
    CHECK(named.contains("tests/lessons/" + entry.path().filename().string()));
}
