#pragma once
// The wrong answers of all exercises, as CMake compiles them (apps/CMakeLists.txt, wrong_answers.cpp.in).

#include <span>

namespace hewn::cli::learn {

struct CompiledAnswer {
  const char* path;        ///< "01-chain-rule/wrong/set.cpp"
  const void* (*entry)();  ///< see WrongAnswer
};
std::span<const CompiledAnswer> compiled_answers();

}  // namespace hewn::cli::learn
