#pragma once
// The pages of documentation, and the sources that they speak of.

#include <string>
#include <vector>

namespace hewn::test {

/// A page, with the text inside of code blocks apart.
struct Page {
  std::string path;  ///< from the root
  std::string prose, blocks;
};
Page page(std::string path, const std::string& text);
/// The page in the tree.
Page page(const std::string& path);
/// README.md, CONTRIBUTING.md, docs/*.md and docs/course/*.md, from the root.
std::vector<std::string> pages();

/// The first group of every match.
std::vector<std::string> matches(const std::string& text, const char* pattern);

/// All C++ and CUDA of the tree, without comments at the end of a line.
const std::string& sources();
/// What builds and drives it: CMake, scripts, configurations.
const std::string& scripts();

}  // namespace hewn::test
