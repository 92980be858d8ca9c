#pragma once
// Output of the program: results to standard output, messages to standard error, colour only on a terminal.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"

namespace hewn::cli {

/// Output settings; set once, before any output.
struct Manners {
  std::string color = "auto";  ///< auto, always or never
  bool quiet = false;
  bool verbose = false;
};
void set_manners(const Manners& manners);

/// The two streams, by file descriptor.
enum class Stream : int { results = 1, messages = 2 };

bool is_terminal(Stream stream);
/// Columns of the terminal, else COLUMNS, else 80 if the terminal does not report them; empty if it is
/// not a terminal.
std::optional<int> known_width(Stream stream);
/// The same, but 80 if it is not a terminal.
int terminal_width(Stream stream);
/// Whether the locale (LC_ALL, LC_CTYPE or LANG) uses UTF-8.
bool has_utf8();
/// Whether this stream gets colour: decided by --color, then NO_COLOR, then whether it is a terminal with colour.
bool has_color(Stream stream);
/// The text in bold (or red) if the stream has colour, otherwise unchanged.
std::string bold(Stream stream, std::string_view text);
std::string red(Stream stream, std::string_view text);

/// Thrown when the reader of standard output has closed it; main then ends without a message.
struct ClosedPipe {};

/// Writes a result to standard output, buffered. Throws if the disk is full, and ClosedPipe if there is no reader.
void write_result(std::string_view text);
/// Flushes the buffer to the system: after each streamed token, and at the end.
void flush_results();
/// Writes to standard error immediately. Failures are ignored, since the work matters more.
void write_message(std::string_view text);
bool is_quiet();
bool is_verbose();

/// Writes a result to standard output: `print("loss ", loss, "\n")`.
template <class... Parts>
void print(const Parts&... parts) {
  write_result(join(parts...));
}
/// Writes a message line to standard error, unless --quiet.
template <class... Parts>
void say(const Parts&... parts) {
  if (!is_quiet()) write_message(join(parts..., "\n"));
}
/// Writes a message line to standard error, with --verbose.
template <class... Parts>
void detail(const Parts&... parts) {
  if (is_verbose()) write_message(join(parts..., "\n"));
}

/// Writes what to do next, after flushing the results so that the message appears after them.
template <class... Parts>
void say_next(const Parts&... parts) {
  flush_results();
  say("next: ", parts...);
}

/// Prints a table (`table_text`). If `width` is given, omits columns until it fits, those with the headings in
/// `least_important` in this order, and reports them; `--wide` is to print all.
void print_table(std::vector<std::vector<std::string>> rows, std::optional<int> width,
                 const std::vector<std::string>& least_important);

/// Breaks text at spaces into lines of at most `width` columns, all but the first indented.
std::string wrap(std::string_view text, int width, int indent);

}  // namespace hewn::cli
