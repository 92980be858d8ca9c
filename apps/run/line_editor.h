#pragma once
// Lines typed by a person, with editing and history on a terminal; lines as they come from anywhere else.

#include <optional>
#include <string>
#include <vector>

#include "apps/run/history.h"

namespace hewn::cli {

class LineEditor {
 public:
  /// With a `history_file`, lines typed on a terminal are kept there (`History`), and begin with those it holds.
  explicit LineEditor(const std::string& history_file = "");

  /// Whether a person types: standard input and standard error are a terminal that can move its cursor.
  bool is_interactive() const { return interactive_; }

  /// The next line without its end; nothing at the end of input, at Ctrl-D on an empty line, or when a signal
  /// has asked to stop (`stop_signal`). On a terminal `prompt` is shown before it, on standard error, and
  /// these keys edit it: left and right or Ctrl-B and Ctrl-F, Home and End or Ctrl-A and Ctrl-E, Backspace,
  /// Delete or Ctrl-D, Ctrl-U and Ctrl-K (cut to the beginning, to the end), Ctrl-W (cut the word before), up
  /// and down or Ctrl-P and Ctrl-N (earlier lines), Ctrl-R (search them: what is typed, Ctrl-R for the next older one,
  /// Ctrl-G or Ctrl-C to give up, any other key to go on with the line found), Ctrl-L (clear the screen), Ctrl-C (empty
  /// the line). A character is a code point. Throws ErrorCode::input when standard input cannot be read or a line is
  /// longer than 1 MiB.
  std::optional<std::string> read(const std::string& prompt);

 private:
  /// What a key does to the line.
  enum class Step { goes_on, done, ended };

  std::optional<std::string> edit(const std::string& prompt);
  std::optional<std::string> plain_line();
  std::optional<char> next_byte();
  Step key(char byte);
  Step escape();
  Step search();
  void show_search(const std::string& wanted, bool found) const;
  void insert(char first);
  void recall(size_t entry);
  void erase(size_t from, size_t to);
  size_t word_start() const;
  std::string line() const;
  void draw(const std::string& prompt) const;
  /// The line behind a prompt, of the text as much as fits, and the cursor in it.
  static void draw(const std::string& prompt, const std::vector<std::string>& line, size_t cursor);

  bool interactive_;
  History history_;
  std::string buffer_;             // bytes read and not used
  std::vector<std::string> line_;  // a character each
  size_t cursor_ = 0;              // before this character
  size_t entry_ = 0;               // of history_; its size for the line that is being written
  std::string draft_;              // that line, while an earlier one is shown
};

}  // namespace hewn::cli
