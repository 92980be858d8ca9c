#pragma once
// "Did you mean …?"

#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli {

/// Edit distance of two words: insertions, deletions, replacements and swaps of neighbours. The optimal
/// string alignment form of Damerau's distance (Boytsov, "Indexing methods for approximate dictionary
/// searching", 2011, section 2.2).
size_t edit_distance(std::string_view a, std::string_view b);

/// "; did you mean 'NAME'?" for the first of `names` that begins with `word`, if that has at least 3 letters, else for
/// the nearest one, or "" if none is similar enough.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

/// "; did you mean --learning_rate?" for `lr` and other names of an option in other programs; if an argument
/// of the command replaces that option, how to give it. "" for other words. `dashes` precede an option.
std::string known_as(const Command& command, std::string_view word, std::string_view dashes);
/// "; did you mean `hewn sample`?" for `generate` and other names of a command in other programs, else "".
std::string command_known_as(std::string_view word);

}  // namespace hewn::cli
