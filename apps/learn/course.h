#pragma once
// The course: its chapters, and the files of docs/course, which are embedded in the program.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/learn/judge/exercise.h"
#include "apps/learn/judge/lesson_judge.h"

namespace hewn::cli::learn {

/// A chapter: docs/course/NAME.md, and its exercise or its predictions. See docs/course/README.md.
struct Chapter {
  std::string_view name;  ///< "01-chain-rule"; begins with its number
  // The exercise (a function over arrays, or a lesson with its own judge), or else the predictions.
  const Exercise* exercise = nullptr;
  const LessonJudge* judge = nullptr;
  const std::vector<Prediction>* predictions = nullptr;

  bool has_lesson() const { return exercise || judge; }
  int number() const { return (name[0] - '0') * 10 + (name[1] - '0'); }
  /// A file of its folder: "01-chain-rule/lesson.cpp".
  std::string file(std::string_view in_folder) const;
  std::string_view text() const;  ///< Markdown
  std::string title() const;      ///< "Chain rule and order"
  int minutes() const;
};

/// All chapters, in order; the table is in chapters.cpp.
std::span<const Chapter> chapters();
/// The chapter with this number; null if there is none.
const Chapter* find_chapter(int64_t number);

/// A file of docs/course by its relative path, or a header of lessons: "hewn/lesson.h". Throws
/// ErrorCode::failed if there is none.
std::string_view course_file(std::string_view path);
bool has_course_file(std::string_view path);

/// The three hints of a chapter, from hints.md: the items of a numbered list.
std::vector<std::string> hints(const Chapter& chapter);

}  // namespace hewn::cli::learn
