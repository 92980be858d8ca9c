#pragma once
// Calls a student's function, which may do anything within its process.

#include <span>
#include <vector>

#include "apps/learn/hewn/lesson.h"
#include "apps/learn/judge/exercise.h"
#include "apps/learn/judge/kernel_run.h"

namespace hewn::cli::learn {

/// The function of a lesson.
class Lesson {
 public:
  /// Throws ErrorCode::numerical if the lesson has another name or other parameters than the exercise.
  Lesson(const lesson::Entry& entry, const Exercise& exercise);

  /// Calls the function with a value for each parameter and returns the final values of its Outs, in order.
  /// An Out begins with its `start`, or with zeros of the shape of its matrix. Throws ErrorCode::numerical,
  /// worded for the student, if an index is outside of its array, if shapes do not fit, or if memory was
  /// changed that is not an Out's. A kernel runs on the emulator, which throws Misuse and fills in the
  /// report.
  std::vector<Matrix> run(const std::vector<Value>& values, KernelReport* report = nullptr) const;

 private:
  void call(const std::vector<Value>& values, const std::vector<lesson::Operand>& operands,
            KernelReport* report) const;

  const lesson::Entry& entry_;
  const Exercise& exercise_;
};

/// "LESSON(softmax_backward, (Array y, Array dy, Out dx)) {"
std::string first_line_of(const Exercise& exercise);

}  // namespace hewn::cli::learn
