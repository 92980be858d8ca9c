#pragma once
// Finds the commands that a text tells its reader to type.

#include <string>
#include <vector>

namespace hewn::test {

struct Command {
  std::string text;          ///< for bash, beginning with `hewn` or what precedes it on its line
  bool in_sentence = false;  ///< in backquotes, not on a line of its own
};

/// The commands of a text: lines such as "next: hewn sample out", lines that go on after a backslash, loops, and
/// `hewn …` in backquotes; of a JSON text, its strings named "command". Paths of the program become `hewn`.
std::vector<Command> commands_in(const std::string& text);

/// Stands in texts of sources for what is known only at run time.
inline constexpr char known_later = '\x01';

/// The texts that a source file (C++ or JavaScript) can print: its string literals without comments, joined where one
/// statement concatenates them; `program()` is `hewn`, other expressions are `known_later`. One text a line.
std::string texts_of_source(const std::string& source);

/// A flag that a text names: "--out=FILE" is {"out", "FILE"}.
struct Flag {
  std::string key, value;
};
std::vector<Flag> flags_in(const std::string& text);

}  // namespace hewn::test
