#pragma once
// Reads lines: on a terminal with editing and history.

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/history.h"

namespace hewn::cli {

class LineEditor {
 public:
  /// With a `history_file`, earlier lines are read from it, and lines typed on a terminal are added
  /// to it (`History`).
  explicit LineEditor(const std::string& history_file = "");

  /// Whether the input is interactive: standard input and standard error are a terminal that can move its cursor.
  bool is_interactive() const { return interactive_; }

  /// The next line without its newline; empty at the end of input, at Ctrl-D on an empty line, or after a
  /// signal (`stop_signal`). On a terminal, shows `prompt` before it, on standard error, and supports these
  /// keys: left and right or Ctrl-B and Ctrl-F, Home and End or Ctrl-A and Ctrl-E, Backspace, Delete or
  /// Ctrl-D, Ctrl-U and Ctrl-K (cut to the beginning, to the end), Ctrl-W (cut the previous word), up and
  /// down or Ctrl-P and Ctrl-N (earlier lines), Ctrl-R (search earlier lines for the typed text; Ctrl-R for
  /// the next older match, Ctrl-G or Ctrl-C to cancel, any other key to edit the line found), Ctrl-L (clear
  /// the screen), Ctrl-C (empty the line). A character is a code point. Throws ErrorCode::input if standard
  /// input cannot be read or a line is longer than 1 MiB.
  std::optional<std::string> read(const std::string& prompt);

 private:
  /// The effect of a key: the line continues, is complete, or the input has ended.
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
  /// Draws the prompt, the part of the line that fits, and the cursor in it.
  static void draw(const std::string& prompt, const std::vector<std::string>& line, size_t cursor);

  bool interactive_;
  History history_;
  std::string buffer_;             // bytes read but not used yet
  std::vector<std::string> line_;  // one character per element
  size_t cursor_ = 0;              // before this character
  size_t entry_ = 0;               // index in history_; its size means the line being typed
  std::string draft_;              // the line being typed, while an earlier one is shown
};

}  // namespace hewn::cli
