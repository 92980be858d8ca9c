#pragma once
// Calls of the function that a student wrote, which may do anything within its process.

#include <span>
#include <vector>

#include "apps/commands/learn/hewn/lesson.h"
#include "apps/commands/learn/judge/exercise.h"

namespace hewn::cli::learn {

/// The function of a lesson.
class Lesson {
 public:
  /// Throws ErrorCode::numerical if the lesson has another name or other parameters than the exercise.
  Lesson(const lesson::Entry& entry, const Exercise& exercise);

  /// Calls the function with a value for each parameter and returns what its Outs hold afterwards, in order. An Out begins
  /// with its `start`, or with zeros of the shape of its matrix. Throws ErrorCode::numerical, in words for the student, if
  /// an index is outside of its array, if shapes do not fit, or if memory was changed that is not an Out's.
  std::vector<Matrix> run(const std::vector<Value>& values) const;

 private:
  const lesson::Entry& entry_;
  const Exercise& exercise_;
};

/// "(Array y, Array dy, Out dx)"
std::string parameters_text(std::span<const Parameter> parameters);

}  // namespace hewn::cli::learn
