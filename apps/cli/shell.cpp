#include "apps/cli/shell.h"

#include <algorithm>

#include "apps/cli/terminal.h"

namespace hewn::cli {
namespace {

constexpr std::string_view own_name = "hewn";

std::string& remembered() {
  static std::string name{own_name};
  return name;
}

bool is_safe(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-+=./,:@%").find(c) != std::string_view::npos;
}

// Whether a command may begin after this text.
bool begins_call(std::string_view before) {
  const size_t last = before.find_last_not_of(' ');
  if (last == before.npos || before[last] == '\n') return true;
  return before.ends_with('`') || before.ends_with("| ") || before.ends_with("<(");
}

}  // namespace

void set_program(std::string_view called) { remembered() = called.empty() ? own_name : shell_word(called); }

const std::string& program() { return remembered(); }

std::string shell_word(std::string_view word) {
  const bool safe = std::all_of(word.begin(), word.end(), is_safe);
  if (safe && !word.empty()) return std::string(word);
  const size_t equals = std::min(word.find('='), word.size());
  const std::string_view key = word.substr(0, equals);
  if (equals < word.size() && key.starts_with("--") && std::all_of(key.begin(), key.end(), is_safe))
    return std::string(key) + "=" + shell_word(word.substr(equals + 1));
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string as_called(std::string_view text) {
  std::string out;
  while (true) {
    const size_t at = text.find(own_name);
    out += text.substr(0, at);
    if (at == text.npos) return out;
    text.remove_prefix(at + own_name.size());
    const bool whole = text.empty() || text[0] == ' ' || text[0] == '`';
    out += whole && begins_call(out) ? program() : own_name;
  }
}

void write_error(std::string_view message) {
  write_message(join(red(Stream::messages, "hewn: "), as_called(message), "\n"));
}

}  // namespace hewn::cli
