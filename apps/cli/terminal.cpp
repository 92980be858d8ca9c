#include "apps/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "apps/cli/format.h"
#include "core/error.h"
#include "core/io/file.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

Manners manners;
std::string pending;  // results not yet written
std::string prefix;   // of the lines of one process of several; "": it is the one that the user reads

int descriptor(Stream stream) { return static_cast<int>(stream); }

/// What encloses the program's own control sequences: drawn anew by each process, so that nothing it reads can hold it.
const std::string& mark() {
  static const std::string drawn = [] {
    uint32_t random[4];  // std::random_device would need libc 2.36
    if (::getentropy(random, sizeof(random)) != 0)
      fail(ErrorCode::failed, "the system provides no random bytes: ", std::strerror(errno));
    std::string text = "\x1b";
    for (const uint32_t number : random) text += join("-", number);
    return text + ";";
  }();
  return drawn;
}

bool is_shown_as_number(char32_t c) {
  const bool controls = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c <= 0x9f);
  return controls || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

std::string hexadecimal(std::string_view kind, uint32_t value, int digits) {
  std::string text(kind);
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
  return text;
}

/// The number of bytes at the end that may belong to a character, or to a CR LF, which is not complete yet.
size_t incomplete_end(std::string_view text) {
  if (text.ends_with('\r')) return 1;
  for (size_t n = 1; n <= std::min<size_t>(3, text.size()); ++n) {
    const auto byte = static_cast<unsigned char>(text[text.size() - n]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return n < whole ? n : 0;
  }
  return 0;
}

/// The bytes to write for a text: without the marks, and `visible` between them if it is for a terminal.
std::string bytes_of(std::string_view text, bool terminal) {
  std::string bytes;
  while (true) {
    const size_t begin = text.find(mark()), from = begin + mark().size();
    const size_t end = begin == text.npos ? text.npos : text.find(mark(), from);
    const std::string_view others = end == text.npos ? text : text.substr(0, begin);
    bytes += terminal ? visible(others) : std::string(others);
    if (end == text.npos) return bytes;
    bytes += text.substr(from, end - from);
    text.remove_prefix(end + mark().size());
  }
}

/// The text with the prefix before each line.
std::string prefixed(std::string_view text) {
  if (prefix.empty()) return std::string(text);
  std::string lines;
  for (bool begins = true; const char c : text) {
    if (begins) lines += prefix;
    lines += c;
    begins = c == '\n';
  }
  return lines;
}

void flush_all_but(size_t held) {
  std::string text = std::move(pending);
  pending = text.substr(text.size() - held);
  text.resize(text.size() - held);
  const bool terminal = is_terminal(Stream::results);
  if (terminal || text.find(mark()) != text.npos) text = bytes_of(text, terminal);
  const int error = write_fully(descriptor(Stream::results), text.data(), text.size());
  if (error == EPIPE) throw ClosedPipe{};
  if (error != 0) fail(ErrorCode::failed, "cannot write to standard output: ", std::strerror(error));
}

}  // namespace

void set_manners(const Manners& chosen) { manners = chosen; }
void speak_as_one_of_several(const std::string& chosen) {
  prefix = chosen;
  manners.quiet = !manners.verbose;
}
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

std::string in_color(Stream stream, std::string_view code, std::string_view text) {
  if (!has_color(stream)) return std::string(text);
  return join(control_sequence(join("\x1b[", code, "m")), text, control_sequence("\x1b[0m"));
}

std::string bold(Stream stream, std::string_view text) { return in_color(stream, "1", text); }
std::string red(Stream stream, std::string_view text) { return in_color(stream, "31", text); }

std::string control_sequence(std::string_view sequence) { return join(mark(), sequence, mark()); }

std::string visible(std::string_view text) {
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::string_view character = text.substr(at, std::max<size_t>(c.bytes, 1));
    at += character.size();
    const bool ends_line = c.value == '\r' && at < text.size() && text[at] == '\n';
    if (c.bytes == 0)
      shown += hexadecimal("\\x", static_cast<unsigned char>(character[0]), 2);
    else if (is_shown_as_number(c.value) && !ends_line)
      shown += c.value < 0x80 ? hexadecimal("\\x", c.value, 2) : hexadecimal("\\u", c.value, 4);
    else
      shown += character;
  }
  return shown;
}

void write_result(std::string_view text) {
  if (!prefix.empty()) return;
  pending += text;
  if (pending.size() >= 1 << 16) flush_results();
}

void flush_results() { flush_all_but(is_terminal(Stream::results) ? incomplete_end(pending) : 0); }

void redirect_output(int fd) {
  for (const Stream stream : {Stream::results, Stream::messages}) ::dup2(fd, descriptor(stream));
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
}

void end_results() { flush_all_but(0); }

void write_message(std::string_view text) {
  const std::string bytes = bytes_of(prefixed(text), is_terminal(Stream::messages));
  (void)write_fully(descriptor(Stream::messages), bytes.data(), bytes.size());
}

void write_own_message(std::string_view text) {
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
  say(wrap(join("omitted to fit the width: ", omitted, "; --wide prints all"), *width, 0));
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
