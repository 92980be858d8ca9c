#pragma once
// Commands that a message proposes: under the name the program was called by, quoted so that a shell takes them as
// they are printed.

#include <string>
#include <string_view>

namespace hewn::cli {

/// Remembers how the program was called: argv[0]. Until then, and for an empty one, it is "hewn".
void set_program(std::string_view called);
/// The program as it was called, quoted for the shell: "hewn", "build/apps/hewn".
const std::string& program();

/// A word as a shell reads it back: unchanged where that is safe, else in single quotes. Of `--key=value` only the
/// value is quoted.
std::string shell_word(std::string_view word);

/// A text of ours with every call of `hewn` in it (first in a line, after a backquote, a pipe or `<(`) under the name
/// the program was called by.
std::string as_called(std::string_view text);

}  // namespace hewn::cli
