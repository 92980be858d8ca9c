#pragma once
// Other output generated from the table of options: completions, manual page, reference.

#include <string>

namespace hewn::cli {

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();
/// The manual page hewn(1), in man(7) macros.
std::string man_page();
/// docs/cli.md's reference of commands and keys.
std::string markdown_reference();

}  // namespace hewn::cli
