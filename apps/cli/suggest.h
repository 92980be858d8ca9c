#pragma once
// "Did you mean …?"

#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli {

/// Edit distance of two words: insertions, deletions, replacements and swaps of neighbours. The optimal
/// string alignment form of Damerau's distance (Boytsov, "Indexing methods for approximate dictionary
/// searching", 2011, section 2.2).
size_t edit_distance(std::string_view a, std::string_view b);

/// "; did you mean 'NAME'?" for the first of `names` that begins with `word`, if that has at least 3 letters, else for
/// the nearest one, or "" if none is near enough.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

}  // namespace hewn::cli
