#include "apps/learn/compile.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "apps/cli/options.h"
#include "apps/cli/settings.h"
#include "apps/cli/system/shared_library.h"
#include "apps/learn/judge/wrong_answers.h"
#include "apps/learn/process.h"
#include "apps/learn/progress.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn::cli::learn {
namespace {

constexpr double compiler_seconds = 60;
constexpr size_t most_compiler_bytes = 1 << 22, most_library_bytes = 1 << 24;

bool is_program(const std::string& name) {
  if (name.find('/') != name.npos) return ::access(name.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path ? path : "/usr/bin:/bin", ':'))
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  return false;
}

/// The compiler with its arguments.
std::vector<std::string> compiler() {
  const char* chosen = std::getenv("CXX");
  if (chosen && *chosen) {
    std::vector<std::string> words = split(chosen, ' ');
    std::erase(words, "");
    if (!words.empty() && is_program(words[0])) return words;
    fail(ErrorCode::failed, "the compiler in $CXX, '", chosen,
         "', was not found; set CXX to a C++ compiler, or unset it");
  }
  for (const char* name : {"g++", "c++", "clang++"})
    if (is_program(name)) return {name};
  fail(ErrorCode::failed,
       "there is no C++ compiler (g++, c++ or clang++); install one with `apt install g++`, or set CXX");
}

/// "    dx.add(r, i, y(r, i) * dy(r, i);" below its number, and a mark below the column.
std::string source_line(const std::string& source, int64_t line, int64_t column) {
  const std::vector<std::string> lines = split(read_small_file(source, most_compiler_bytes), '\n');
  if (line < 1 || line > std::ssize(lines)) return "";
  const std::string& text = lines[static_cast<size_t>(line - 1)];
  std::string mark;
  for (int64_t i = 0; i + 1 < column && i < std::ssize(text); ++i)
    mark += text[static_cast<size_t>(i)] == '\t' ? '\t' : ' ';
  return join("  ", text, "\n  ", mark, "^\n");
}

/// A place in the lesson: "PATH:12:7: ..." in a line of the compiler.
struct Place {
  int64_t line = 0, column = 1;
  std::string rest;
};
std::optional<Place> place_in(const std::string& text, const std::string& source) {
  const size_t at = text.find(source + ":");
  if (at == text.npos) return std::nullopt;
  const std::vector<std::string> parts = split(std::string_view(text).substr(at + source.size() + 1), ':');
  Place place;
  if (parts.size() < 2 || !parse_integer(parts[0], place.line)) return std::nullopt;
  const bool column = parse_integer(parts[1], place.column);
  for (size_t i = column ? 2 : 1; i < parts.size(); ++i)
    place.rest += (place.rest.empty() ? "" : ":") + parts[i];
  return place;
}

std::string first_error(const std::string& output, const std::string& source, const Build& build) {
  const std::vector<std::string> lines = split(output, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    if (const size_t at = lines[i].find("undefined reference to "); at != lines[i].npos)
      return join("compile error: ", lines[i].substr(at), ": it is declared, but has no body\n");
    const size_t at = lines[i].find("error: ");
    if (at == lines[i].npos) continue;
    const std::string what = lines[i].substr(at + 7);
    // An error inside the header comes from a line of the lesson, which the compiler names before or after it.
    std::optional<Place> place = place_in(lines[i], source);
    for (size_t away = 1; !place && away < lines.size(); ++away) {
      if (i + away < lines.size()) place = place_in(lines[i + away], source);
      if (!place && away <= i) place = place_in(lines[i - away], source);
    }
    if (!place) return join("compile error: ", what, "\n");
    return join("compile error in line ", place->line, ": ", what, "\n",
                source_line(source, place->line, place->column), build.advice ? build.advice(what) : "");
  }
  return "";
}

/// Where the compiled wrong answers of a chapter are kept. All that the library depends on is part of its name.
std::string kept_library(const Chapter& chapter, const Build& build, const std::string& code) {
  std::string made_of = code;
  for (const std::string& header : build.headers) made_of += course_file(header);
  for (const auto& words : {compiler(), build.options}) made_of += list_text(words, " ");
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);  // -march=native
  return join(lessons_directory, "/", chapter.file(".wrong-"), to_hex(checksum(made_of + host)), ".so");
}

}  // namespace

Compiled compile_lesson(const std::string& source, const Build& build, const std::string& directory,
                        const std::string& library) {
  for (const std::string& header : build.headers) {
    const fs::path path = fs::path(directory) / header;
    if (path_exists(path)) continue;
    make_directories(path.parent_path());
    write_file_atomically(path.string(), course_file(header));
  }
  std::vector<std::string> command = compiler();
  command.insert(command.end(), build.options.begin(), build.options.end());
  for (const char* word : {"-w", "-fPIC", "-shared", "-fdiagnostics-color=never"}) command.emplace_back(word);
  for (const std::string& word : {"-I" + directory, std::string("-o"), library, source})
    command.push_back(word);
  const std::string output = directory + "/compiler.txt";
  const Ended ended = run_program(command, output, compiler_seconds);
  if (ended.how == Ended::How::exited && ended.status == 0) return {true};
  if (ended.how == Ended::How::stopped) return {};
  require(ended.how != Ended::How::silent, "the compiler did not finish within ", compiler_seconds,
          " seconds");
  const std::string said = read_small_file(output, most_compiler_bytes),
                    error = first_error(said, source, build);
  return {false, error.empty() ? join("compile error:\n", said) : error};
}

std::vector<WrongAnswer> compile_wrong_answers(const Chapter& chapter, Build build,
                                               const std::string& directory) {
  const std::vector<WrongSource> sources =
      wrong_sources(course_file(chapter.file("wrong.txt")), course_file(chapter.file("solution.cpp")));
  const std::string code = in_one_file(sources), made = directory + "wrong.so";
  build.options.emplace_back("-O0");  // they run on small cases, once
  const std::string kept = kept_library(chapter, build, code);
  SharedLibrary library(kept);
  if (!library.loaded()) try {
      write_file_atomically(directory + "wrong.cpp", code);
      if (!compile_lesson(directory + "wrong.cpp", build, directory + "include", made).right) return {};
      library = SharedLibrary(made);
      write_file_atomically(kept, read_small_file(made, most_library_bytes));
    } catch (const Error&) {  // a full disk, for example
    }
  std::vector<WrongAnswer> answers;
  for (size_t i = 0; i < sources.size(); ++i)
    if (const auto entry = library.symbol<const void* (*)()>(join("hewn_wrong_", i).c_str()))
      answers.push_back({sources[i].hint, entry()});
  return answers;
}

}  // namespace hewn::cli::learn
