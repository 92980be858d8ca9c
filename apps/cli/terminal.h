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

/// For one of several cooperating processes whose output another one prints: drops its own results and
/// messages; with --verbose, prints its messages with a prefix.
void speak_as_one_of_several(const std::string& prefix);

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
/// The text in a colour if the stream has colour, otherwise unchanged. `code` is that of ECMA-48 (8.3.117, SGR): "32"
/// for green.
std::string in_color(Stream stream, std::string_view code, std::string_view text);
/// The same in bold or red.
std::string bold(Stream stream, std::string_view text);
std::string red(Stream stream, std::string_view text);

/// A control sequence of the program's own, such as "\r" or "\x1b[K", as a part of text that is passed to
/// `write_result` or `write_message`. Its mark cannot occur in other text, so it is written unchanged.
std::string control_sequence(std::string_view sequence);
/// Text made safe for a terminal: control characters (except newline, tab and the carriage return of a CR LF)
/// and characters that change the writing direction are written as \x1b or \u202e, bytes that are not UTF-8
/// as \xff.
std::string visible(std::string_view text);

/// Thrown when the reader of standard output has closed it; main then ends without a message.
struct ClosedPipe {};

// Foreign text, such as names in files, generated text and arguments, must not control the user's terminal.
// On a terminal, both functions write `visible` text; files and pipes receive the bytes unchanged.

/// Writes a result to standard output, buffered. Throws if the disk is full, and ClosedPipe if there is no reader.
void write_result(std::string_view text);
/// Flushes the buffer to the system, after each streamed token. On a terminal, the beginning of a character whose
/// remaining bytes have not been written yet is held back.
void flush_results();
/// Flushes the buffer at the end of the program.
void end_results();
/// Writes a complete text to standard error immediately. Failures are ignored, since the work matters more.
void write_message(std::string_view text);
/// The same for a fixed text without foreign names: allocates nothing.
void write_own_message(std::string_view text);
/// Redirects both streams of this process to a descriptor, such as a pipe, line by line.
void redirect_output(int fd);
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
/// Writes notes for the user as sentences; empty ones are skipped.
inline void say_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes)
    if (!note.empty()) say("note: ", note);
}
/// Writes a message line to standard error, with --verbose.
template <class... Parts>
void detail(const Parts&... parts) {
  if (is_verbose()) write_message(join(parts..., "\n"));
}

/// Writes the next step for the user, after flushing the results so that the message appears after them.
template <class... Parts>
void say_next(const Parts&... parts) {
  flush_results();
  say("next: ", parts...);
}

/// Prints a table (`table_text`). If `width` is given, omits the columns with the headings in
/// `least_important`, in this order, until it fits, and reports them; `--wide` prints all.
void print_table(std::vector<std::vector<std::string>> rows, std::optional<int> width,
                 const std::vector<std::string>& least_important);

/// Breaks text at spaces into lines of at most `width` columns, all but the first indented.
std::string wrap(std::string_view text, int width, int indent);

}  // namespace hewn::cli
