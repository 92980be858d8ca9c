#pragma once
// `hewn learn check`: judges a student's file.

#include <string>
#include <vector>

#include "apps/learn/course.h"

namespace hewn::cli::learn {

struct CheckOptions {
  bool watch = false;        ///< judge again after every save of the file, until it is right
  bool training = true;      ///< train a model with a right answer
  std::string out_dir = {};  ///< directory in which to keep that training run; "": none
};

/// The path of a chapter's lesson in the working directory.
std::string lesson_path(const Chapter& chapter);

/// Judges the lesson of a chapter, prints the verdict, and records a finished chapter. Returns the exit
/// status.
int check_lesson(const Chapter& chapter, const CheckOptions& options);
/// The same for the answers to the predictions of a chapter; without answers, prints the questions.
int check_predictions(const Chapter& chapter, const std::vector<std::string>& answers);

}  // namespace hewn::cli::learn
