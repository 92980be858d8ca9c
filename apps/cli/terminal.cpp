#include "apps/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "apps/cli/format.h"
#include "core/error.h"
#include "core/io/file.h"

namespace hewn::cli {
namespace {

Manners manners;
std::string pending;  // results not yet written

int descriptor(Stream stream) { return static_cast<int>(stream); }

std::string painted(Stream stream, std::string_view code, std::string_view text) {
  if (!has_color(stream)) return std::string(text);
  return join("\x1b[", code, "m", text, "\x1b[0m");
}

}  // namespace

void set_manners(const Manners& chosen) { manners = chosen; }
bool is_quiet() { return manners.quiet; }
bool is_verbose() { return manners.verbose; }

bool is_terminal(Stream stream) { return ::isatty(descriptor(stream)) == 1; }

std::optional<int> known_width(Stream stream) {
  winsize size{};
  if (::ioctl(descriptor(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int width = columns ? std::atoi(columns) : 0;
  if (width > 0) return width;
  return is_terminal(stream) ? std::optional(80) : std::nullopt;
}

int terminal_width(Stream stream) { return known_width(stream).value_or(80); }

bool has_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    const std::string_view locale = value;
    return locale.find("UTF-8") != locale.npos || locale.find("utf8") != locale.npos;
  }
  return false;
}

bool has_color(Stream stream) {
  if (manners.color != "auto") return manners.color == "always";
  const char* refused = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term && std::strcmp(term, "dumb") == 0;
  return !(refused && *refused) && !dumb && is_terminal(stream);
}

std::string bold(Stream stream, std::string_view text) { return painted(stream, "1", text); }
std::string red(Stream stream, std::string_view text) { return painted(stream, "31", text); }

void write_result(std::string_view text) {
  pending += text;
  if (pending.size() >= 1 << 16) flush_results();
}

void flush_results() {
  const std::string text = std::move(pending);
  pending.clear();
  const int error = write_fully(descriptor(Stream::results), text.data(), text.size());
  if (error == EPIPE) throw ClosedPipe{};
  if (error != 0) fail(ErrorCode::failed, "cannot write to standard output: ", std::strerror(error));
}

void write_message(std::string_view text) {
  (void)write_fully(descriptor(Stream::messages), text.data(), text.size());
}

void print_table(std::vector<std::vector<std::string>> rows, std::optional<int> width,
                 const std::vector<std::string>& least_important) {
  std::string text = table_text(rows), omitted;
  for (const std::string& heading : least_important) {
    if (!width || text.find('\n') <= static_cast<size_t>(*width)) break;
    const auto column = std::find(rows[0].begin(), rows[0].end(), heading) - rows[0].begin();
    if (column == std::ssize(rows[0])) continue;
    for (auto& row : rows) row.erase(row.begin() + column);
    omitted += (omitted.empty() ? "" : ", ") + heading;
    text = table_text(rows);
  }
  print(text);
  if (omitted.empty()) return;
  flush_results();
  say(wrap(join("columns omitted to fit the width: ", omitted, "; --wide prints all"), *width, 0));
}

std::string wrap(std::string_view text, int width, int indent) {
  std::string out;
  int column = indent;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const int word = static_cast<int>(end);
    if (column > indent && column + 1 + word > width) {
      out += "\n" + std::string(static_cast<size_t>(indent), ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, end);
    column += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace hewn::cli
