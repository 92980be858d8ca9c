#pragma once
// What the command says and where: results to standard output, messages to standard error, colour on a
// terminal only.

#include <optional>
#include <string>
#include <string_view>

#include "core/text.h"

namespace hewn::cli {

/// How to talk; set once, before anything is said.
struct Manners {
  std::string color = "auto";  ///< auto, always or never
  bool quiet = false;
  bool verbose = false;
};
void set_manners(const Manners& manners);

/// The two streams, by file descriptor.
enum class Stream : int { results = 1, messages = 2 };

bool is_terminal(Stream stream);
/// Columns of the terminal, else COLUMNS, else 80 of a terminal that does not know; nothing for what is none.
std::optional<int> known_width(Stream stream);
/// The same, and 80 for what is no terminal.
int terminal_width(Stream stream);
/// Whether the locale (LC_ALL, LC_CTYPE or LANG) has UTF-8.
bool has_utf8();
/// Whether colour goes to this stream: --color, then NO_COLOR, then whether it is a terminal that can show
/// it.
bool has_color(Stream stream);
/// The text in bold (or red) where the stream has colour, unchanged elsewhere.
std::string bold(Stream stream, std::string_view text);
std::string red(Stream stream, std::string_view text);

/// Thrown when the reader of standard output went away; main ends quietly.
struct ClosedPipe {};

/// Writes a result to standard output, buffered. Fails when the disk is full, throws ClosedPipe when nobody
/// reads.
void write_result(std::string_view text);
/// Hands everything buffered to the system: after each streamed token, and at the end.
void flush_results();
/// Writes to standard error as is, at once; an unwritable standard error is ignored (the work matters more).
void write_message(std::string_view text);
bool is_quiet();
bool is_verbose();

/// A result on standard output: `print("loss ", loss, "\n")`.
template <class... Parts>
void print(const Parts&... parts) {
  write_result(join(parts...));
}
/// A message line on standard error, unless --quiet.
template <class... Parts>
void say(const Parts&... parts) {
  if (!is_quiet()) write_message(join(parts..., "\n"));
}
/// A message line on standard error, with --verbose.
template <class... Parts>
void detail(const Parts&... parts) {
  if (is_verbose()) write_message(join(parts..., "\n"));
}

/// What to do next, behind the result: a message that does not overtake what was printed before it.
template <class... Parts>
void say_next(const Parts&... parts) {
  flush_results();
  say("next: ", parts...);
}

/// Text broken at spaces into lines of at most `width` columns, all but the first indented.
std::string wrap(std::string_view text, int width, int indent);

}  // namespace hewn::cli
