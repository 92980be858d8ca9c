#pragma once
// Judges the function of a lesson: calls it on every case, compares its results with measured slopes and right results,
// and finds the mistake that a wrong result looks like.

#include <functional>
#include <string>
#include <vector>

#include "apps/learn/hewn/lesson.h"
#include "apps/learn/judge/exercise.h"

namespace hewn::cli::learn {

/// A compiled wrong answer that students give, and the hint for those who give it.
struct WrongAnswer {
  std::string hint;
  const void* entry = nullptr;  ///< what a lesson of its kind exports: of arrays, a lesson::Entry
};
/// Returns the wrong answers of an exercise. Only called for a lesson that is wrong, as it may have to compile them.
using KnownAnswers = std::function<std::vector<WrongAnswer>()>;

struct Verdict {
  bool right = false;
  std::string text =
      {};  ///< lines for the student; empty for a right function, the number of loads for a right kernel
};

/// Calls the function on all cases. `mark` is called with the name of each before, and again before each known wrong
/// answer that the function is compared with. Run it in a process of its own: the function may crash or never return.
Verdict judge(const Exercise& exercise, const lesson::Entry& entry, const KnownAnswers& known,
              const std::function<void(const std::string& name)>& mark);

}  // namespace hewn::cli::learn
