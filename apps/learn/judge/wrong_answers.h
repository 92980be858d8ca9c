#pragma once
// Common wrong answers, written as edits of the solution: docs/course/NN-name/wrong.txt.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli::learn {

/// A wrong answer before it is compiled.
struct WrongSource {
  std::string name;  ///< "transposed"
  std::string hint;
  std::string source;  ///< the edited solution
};

/// Applies the edits to the solution. Each wrong answer has "# NAME", the lines of its hint, and its edits:
/// consecutive lines of the solution, each after a "-", then their replacement, each after a "+". A line
/// "-..." stands for all lines up to the first one equal to the line after it. A blank line ends an edit
/// without a "+". Throws ErrorCode::failed, with the name, unless the lines of an edit occur exactly once.
std::vector<WrongSource> wrong_sources(std::string_view edits, std::string_view solution);

/// All wrong answers as one C++ file; the entry of answer i is the function "hewn_wrong_i" (see WrongAnswer).
std::string in_one_file(std::span<const WrongSource> answers);

}  // namespace hewn::cli::learn
