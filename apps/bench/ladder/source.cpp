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

string_view word_at(string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && in_word(text[end])) ++end;
  return text.substr(at, end - at);
}

/// After the bracket that closes the one at `at`.
size_t after_brackets(string_view text, size_t at) {
  const char open = text[at], close = open == '(' ? ')' : '>';
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == open) ++depth;
    if (text[at] == close && --depth == 0) return at + 1;
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

/// The name of a rung's kernel, and the type of its arguments.
struct Kernel {
  string_view function, type;
};

/// From the entry of a rung: `.run = scalar<Matmul>(matmul_rows)`, or a lambda in per_isa<…> that returns the function.
Kernel kernel_in(string_view entry) {
  const size_t run = entry.find(".run =");
  if (run == nowhere) return {};
  for (const char* next : {".why_not =", ".scratch_bytes ="}) entry = entry.substr(0, entry.find(next, run));
  const size_t type = entry.find('<', run);
  if (type == nowhere) return {};
  const string_view returns = "return ";
  size_t at = entry.find(returns, type);
  if (at != nowhere)
    at += returns.size();
  else if ((at = entry.find(">(", type)) != nowhere)
    at += 2;
  if (at == nowhere) return {};
  return {word_at(entry, at), word_at(entry, type + 1)};
}

/// The place of the function's definition, with arguments of this type if there are several; `nowhere` if there is none.
size_t definition(string_view text, const Kernel& kernel) {
  size_t other = nowhere;
  for (size_t at = find_word(text, kernel.function); at != nowhere;
       at = find_word(text, kernel.function, at + 1)) {
    size_t end = at + kernel.function.size();
    if (end < text.size() && text[end] == '<') end = after_brackets(text, end);
    if (end >= text.size() || text[end] != '(') continue;
    const size_t begin = end;
    end = after_brackets(text, end);
    if (end == nowhere || text.substr(end, 2) != " {") continue;
    if (find_word(text.substr(begin, end - begin), kernel.type) != nowhere) return at;
    if (other == nowhere) other = at;
  }
  return other;
}

/// The lines of code: no comments, blank lines, includes and namespaces, and not the signature of `function`.
Lines code_of(string_view text, string_view function) {
  Lines code;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    string_view line = text.substr(at, end - at);
    at = end + 1;
    line = line.substr(0, line.find("//"));
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.remove_suffix(1);
    const bool signature =
        line.starts_with("template <>") || line.starts_with("void " + std::string(function));
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
  const std::string name = join(".name = \"", c.rung_name(rung), "\"");
  const size_t entry = list->text.substr(0, begin_of_line(list->text, line + 1)).rfind(name);
  if (entry == nowhere) return {};
  const string_view rest = list->text.substr(entry);
  const Kernel kernel =
      kernel_in(rest.substr(0, std::min(rest.find(".name = ", name.size()), rest.find("};"))));
  if (kernel.function.empty()) return {};
  const string_view folder = list->name.substr(0, list->name.rfind('/') + 1);
  for (const File& file : files()) {
    if (!file.name.starts_with(folder)) continue;
    const size_t at = definition(file.text, kernel);
    if (at == nowhere) continue;
    Lines code = code_of(file.text, kernel.function);
    if (code.size() > most_code) code = code_of(function_at(file.text, at), kernel.function);
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
