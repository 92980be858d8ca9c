#include "apps/learn/course.h"

#include <cstdint>
#include <cstring>
#include <map>

#include "apps/cli/options.h"
#include "apps/cli/settings.h"
#include "core/error.h"

// Created by CMake from docs/course and the headers of lessons (apps/CMakeLists.txt): for each file its name with a zero
// byte, its size, and its bytes.
extern "C" const char hewn_course[], hewn_course_end[];

namespace hewn::cli::learn {
namespace {

const std::map<std::string_view, std::string_view>& course_files() {
  static const auto files = [] {
    std::map<std::string_view, std::string_view> all;
    for (const char* at = hewn_course; at < hewn_course_end;) {
      const std::string_view name(at);
      uint64_t size = 0;
      std::memcpy(&size, at + name.size() + 1, sizeof size);
      const char* const content = at + name.size() + 1 + sizeof size;
      all.emplace(name, std::string_view(content, size));
      at = content + size;
    }
    return all;
  }();
  return files;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace

bool has_course_file(std::string_view path) { return course_files().contains(path); }

std::string_view course_file(std::string_view path) {
  const auto at = course_files().find(path);
  if (at == course_files().end()) fail(ErrorCode::failed, "the program contains no docs/course/", path);
  return at->second;
}

std::string Chapter::file(std::string_view in_folder) const { return join(name, "/", in_folder); }

std::string_view Chapter::text() const { return course_file(join(name, ".md")); }

// The first line is "# 1. Chain rule and order (25 minutes)".
std::string Chapter::title() const {
  const std::string line(first_line(text()));
  const size_t begin = line.find(". ") + 2;
  return line.substr(begin, line.rfind(" (") - begin);
}

int Chapter::minutes() const {
  const std::string line(first_line(text()));
  int64_t minutes = 0;
  const size_t begin = line.rfind('(') + 1;
  parse_integer(line.substr(begin, line.find(' ', begin) - begin), minutes);
  return static_cast<int>(minutes);
}

const Chapter* find_chapter(int64_t number) {
  for (const Chapter& chapter : chapters())
    if (chapter.number() == number) return &chapter;
  return nullptr;
}

std::vector<std::string> hints(const Chapter& chapter) {
  std::vector<std::string> found;
  const std::string path = chapter.file("hints.md");
  if (!has_course_file(path)) return found;
  for (const std::string& line : split(course_file(path), '\n')) {
    const size_t dot = line.find(". ");
    if (dot == 1 && line[0] >= '1' && line[0] <= '9')
      found.push_back(line.substr(3));
    else if (!found.empty() && line.starts_with("   "))
      found.back() += " " + line.substr(3);
  }
  return found;
}

}  // namespace hewn::cli::learn
