#pragma once
// Judges the function of a lesson: calls it on every case, compares its results with measured slopes and
// correct results, and diagnoses the mistake.

#include <functional>
#include <string>
#include <vector>

#include "apps/learn/hewn/lesson.h"
#include "apps/learn/judge/exercise.h"

namespace hewn::cli::learn {

/// A compiled common wrong answer, and its hint.
struct WrongAnswer {
  std::string hint;
  const void* entry = nullptr;  ///< the export of this kind of lesson: for arrays, a lesson::Entry
};
/// Returns the wrong answers of an exercise. Called only for wrong lessons, because it may have to compile
/// them.
using KnownAnswers = std::function<std::vector<WrongAnswer>()>;

struct Verdict {
  bool right = false;
  std::string text =
      {};  ///< lines for the student; for a correct function, empty; for a correct kernel, the number of
           ///< loads
};

/// Calls the function on all cases. `mark` is called with the name of each case beforehand, and before each
/// comparison with a known wrong answer. Run it in a separate process: the function may crash or never
/// return.
Verdict judge(const Exercise& exercise, const lesson::Entry& entry, const KnownAnswers& known,
              const std::function<void(const std::string& name)>& mark);

}  // namespace hewn::cli::learn
