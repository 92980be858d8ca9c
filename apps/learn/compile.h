#pragma once
// Compiles lessons, and known wrong answers for comparison, to libraries.

#include <string>
#include <vector>

#include "apps/learn/course.h"

namespace hewn::cli::learn {

/// The outcome of a compilation.
struct Compiled {
  bool right = false;
  std::string text = {};  ///< the first error, with its line, for the student
};

/// Compiles `source` with the machine's C++ compiler ($CXX, else g++, c++ or clang++) and the headers of its
/// build, which are written into `directory`, to the file `library`. Throws ErrorCode::failed if there is no
/// compiler.
Compiled compile_lesson(const std::string& source, const Build& build, const std::string& directory,
                        const std::string& library);

/// Compiles the wrong answers of a chapter in `directory`, as `compile_lesson` does, and loads them. The
/// library is kept next to the lesson and reused. Returns nothing if they cannot be compiled; the verdict
/// then lacks a hint.
std::vector<WrongAnswer> compile_wrong_answers(const Chapter& chapter, Build build,
                                               const std::string& directory);

}  // namespace hewn::cli::learn
