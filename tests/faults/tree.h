#pragma once
// Directories as values: to compare what two runs of a command left.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hewn::test {

/// What a command left at some paths below `root`, by path relative to it: the content of files, without what
/// depends on the clock or on earlier processes (times, logs, the machine, unfinished files); "-> target" for
/// links.
using Outputs = std::map<std::string, std::string>;
Outputs outputs_of(const std::filesystem::path& root, const std::vector<std::string>& paths);

/// "" or the first difference.
std::string difference(const Outputs& got, const Outputs& expected);

/// Paths of unfinished files below `root`: all hidden ones but locks, and those in DIRECTORY.1, which is what --force keeps
/// of something unfinished.
std::vector<std::string> temporaries_in(const std::filesystem::path& root);

/// Whether two directories hold the same names with the same content.
bool are_equal(const std::filesystem::path& a, const std::filesystem::path& b);

/// Makes `to` a copy of `from`.
void restore(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace hewn::test
