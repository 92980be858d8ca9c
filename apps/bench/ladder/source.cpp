#include "apps/bench/ladder/source.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>

// Created by CMake from the sources of all rungs: names and contents, each ended by a zero byte.
extern "C" const char hewn_rung_sources[];
extern "C" const char hewn_rung_sources_end[];

namespace hewn::cli {
namespace {

using std::string_view;
using Lines = std::vector<std::string>;
constexpr size_t most_code = 80;  // lines of a file that is shown whole
constexpr size_t nowhere = string_view::npos;

struct File {
  string_view name, text;
};

const std::vector<File>& files() {
  static const std::vector<File> all = [] {
    std::vector<File> list;
    for (const char* at = hewn_rung_sources; at < hewn_rung_sources_end;) {
      const string_view name(at), text(at + name.size() + 1);
      list.push_back({name, text});
      at = text.data() + text.size() + 1;
    }
    return list;
  }();
  return all;
}

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// Where the word begins, from `from` on.
size_t find_word(string_view text, string_view word, size_t from = 0) {
  for (size_t at = text.find(word, from); at != nowhere; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !in_word(text[at - 1])) && (end == text.size() || !in_word(text[end]))) return at;
  }
  return nowhere;
}

size_t line_of(string_view text, size_t at) {
  return 1 +
         static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

/// The beginning of a line, which is counted from 1; the end of the text if it has fewer.
size_t begin_of_line(string_view text, int line) {
  size_t at = 0;
  for (int n = 1; n < line && at != nowhere; ++n)
    if ((at = text.find('\n', at)) != nowhere) ++at;
  return std::min(at, text.size());
}

/// Where the definition of `kernel<"name">`, or of `kernel<"name", Isa::HEWN_ISA>`, with arguments of this type begins;
/// `nowhere` if the text has none.
size_t definition(string_view text, const std::string& name, string_view type) {
  const std::string begins = "kernel" + name;
  for (size_t at = text.find(begins); at != nowhere; at = text.find(begins, at + 1)) {
    const size_t open = text.find('(', at), body = text.find(") {", at);
    if (body < text.find(';', at) && find_word(text.substr(open, body - open), type) != nowhere) return at;
  }
  return nowhere;
}

/// The lines of code: no comments, blank lines, includes and namespaces, and not the signature of a kernel.
Lines code_of(string_view text) {
  Lines code;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    string_view line = text.substr(at, end - at);
    at = end + 1;
    line = line.substr(0, line.find("//"));
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.remove_suffix(1);
    const bool signature = line.starts_with("template <>") || line.starts_with("void kernel<");
    if (line.empty() || line[0] == '#' || line.starts_with("namespace") || signature) continue;
    if (line != "}") code.emplace_back(line);
  }
  return code;
}

string_view function_at(string_view text, size_t at) {
  const size_t begin = text.rfind('\n', at) + 1, end = text.find("\n}", at);
  return text.substr(begin, end == nowhere ? nowhere : end - begin);
}

std::string trimmed(const std::string& line) {
  return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

}  // namespace

std::string RungSource::place() const { return file.empty() ? "" : join(file, ":", line); }

RungSource source_of(const Case& c, size_t rung) {
  const auto [path, line] = c.rung_place(rung);
  const string_view list_name(path);
  const auto list = std::find_if(files().begin(), files().end(),
                                 [&](const File& f) { return list_name.ends_with(f.name); });
  if (list == files().end()) return {};
  const std::string name = join("<\"", c.rung_name(rung), "\"");
  const string_view listed = list->text.substr(0, begin_of_line(list->text, line + 1));
  const size_t entry = listed.rfind(name), rungs = listed.rfind("Rung<", entry);
  if (entry == nowhere || rungs == nowhere) return {};
  const size_t type_at = listed.find('<', rungs) + 1;
  const string_view type = listed.substr(type_at, listed.find('>', type_at) - type_at);
  const string_view folder = list->name.substr(0, list->name.rfind('/') + 1);
  for (const File& file : files()) {
    if (!file.name.starts_with(folder)) continue;
    const size_t at = definition(file.text, name, type);
    if (at == nowhere) continue;
    Lines code = code_of(file.text);
    if (code.size() > most_code) code = code_of(function_at(file.text, at));
    return {std::string(file.name), static_cast<int>(line_of(file.text, at)), std::move(code)};
  }
  return {};
}

Lines changed_lines(const Lines& before, const Lines& after) {
  // Lengths of the longest common subsequences of the rests.
  const size_t n = before.size(), m = after.size();
  std::vector<std::vector<size_t>> common(n + 1, std::vector<size_t>(m + 1));
  const auto same = [&](size_t i, size_t j) { return trimmed(before[i]) == trimmed(after[j]); };
  for (size_t i = n; i-- > 0;)
    for (size_t j = m; j-- > 0;)
      common[i][j] = same(i, j) ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  Lines changed;
  for (size_t i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && same(i, j))
      ++i, ++j;
    else if (j == m || (i < n && common[i + 1][j] >= common[i][j + 1]))
      changed.push_back("- " + before[i++]);
    else
      changed.push_back("+ " + after[j++]);
  }
  return changed;
}

}  // namespace hewn::cli
