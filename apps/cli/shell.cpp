#include "apps/cli/shell.h"

#include "apps/cli/terminal.h"

namespace hewn::cli {
namespace {

constexpr std::string_view own_name = "hewn";

std::string& remembered() {
  static std::string name{own_name};
  return name;
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
