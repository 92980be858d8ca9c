#pragma once
// Compiles a lesson to a library.

#include <string>

#include "apps/learn/judge/lesson_judge.h"

namespace hewn::cli::learn {

/// What became of it.
struct Compiled {
  bool right = false;
  std::string text = {};  ///< the first error, with its line, for the student
};

/// Compiles `source` with the machine's C++ compiler ($CXX, else g++, c++ or clang++) and the headers of its build, which
/// it writes into `directory`, to the file `library`. Throws ErrorCode::failed if there is no compiler.
Compiled compile_lesson(const std::string& source, const Build& build, const std::string& directory,
                        const std::string& library);

}  // namespace hewn::cli::learn
