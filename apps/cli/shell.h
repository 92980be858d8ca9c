#pragma once
// Commands in messages: with the program's name as invoked, quoted for pasting into a shell.

#include <string>
#include <string_view>

#include "core/text.h"

namespace hewn::cli {

using hewn::shell_word;

/// Stores the name by which the program was called, argv[0]. By default, and if empty, it is "hewn".
void set_program(std::string_view called);
/// The program's name as invoked, quoted for the shell: "hewn", "build/apps/hewn".
const std::string& program();

/// Replaces `hewn` in a text by the program's name wherever it begins a command: at the start of a line, or
/// after a backquote, a pipe or `<(`.
std::string as_called(std::string_view text);

/// Writes an error message; commands in it use the program's name as invoked.
void write_error(std::string_view message);

}  // namespace hewn::cli
