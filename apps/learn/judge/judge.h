#pragma once
// Judges the function of a lesson: calls it on every case, compares what it computes with measured slopes and right
// results, and finds out what a wrong result looks like.

#include <functional>
#include <span>
#include <string>

#include "apps/learn/hewn/lesson.h"
#include "apps/learn/judge/exercise.h"

namespace hewn::cli::learn {

/// A wrong answer that students give, compiled into the program, and the hint for whoever gives it.
struct WrongAnswer {
  std::string name;  ///< "transposed"
  std::string hint;
  const void* entry = nullptr;  ///< what a lesson of its kind exports: of arrays, a lesson::Entry
};

struct Verdict {
  bool right = false;
  std::string text =
      {};  ///< lines for the student; of a right function "", of a right kernel what it has read
};

/// Calls the function on all cases. `mark` is called with the name of each before, and again before each known wrong
/// answer that the function is compared with. Run it in a process of its own: the function may crash or never return.
Verdict judge(const Exercise& exercise, const lesson::Entry& entry, std::span<const WrongAnswer> known,
              const std::function<void(const std::string& name)>& mark);

}  // namespace hewn::cli::learn
