#pragma once
// A student who takes the course in a directory of their own.

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/apps/hewn.h"

namespace hewn::test {

namespace fs = std::filesystem;

inline fs::path course() { return source_dir() / "docs/course"; }

/// The number of a chapter by the name of its folder: "1" of "01-chain-rule".
inline std::string number_of(const std::string& name) { return std::to_string(std::stoi(name)); }

/// The first chapter with an exercise.
inline constexpr const char* first_lesson = "01-chain-rule";

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// A student's directory, with temporary files of its own.
class Desk {
 public:
  Desk() { fs::create_directory(dir_ / "tmp"); }
  ProcessResult learn(std::vector<std::string> words, ProcessOptions options = {}) const {
    words.insert(words.begin(), "learn");
    return hewn(words, with_places(std::move(options)));
  }
  ProcessOptions with_places(ProcessOptions options) const {
    options.directory = dir_.path().string();
    // An endless loop ends after ten seconds of processor time or, on a busy machine, after a minute.
    options.timeout = 300;
    options.env.emplace("TMPDIR", (dir_ / "tmp").string());
    return options;
  }
  void write(const std::string& name, const std::string& source) const {
    fs::create_directories(dir_ / ("lessons/" + name));
    write_file(dir_ / ("lessons/" + name + "/lesson.cpp"), source);
  }
  ProcessResult check(const std::string& name, const std::string& source, ProcessOptions options = {}) const {
    write(name, source);
    return learn({"check", number_of(name), "--training=false"}, std::move(options));
  }
  fs::path operator/(const std::string& file) const { return dir_ / file; }
  bool temporary_files_are_gone() const { return fs::is_empty(dir_ / "tmp"); }

 private:
  TempDir dir_;
};

}  // namespace hewn::test
