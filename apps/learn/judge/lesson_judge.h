#pragma once
// Interface for compiling and judging the lesson of a chapter. Most lessons are functions over arrays
// (array_judge.h); a chapter with another kind of lesson names its judge in the table of chapters.

#include <functional>
#include <string>
#include <vector>

#include "apps/cli/system/shared_library.h"
#include "apps/learn/judge/judge.h"
#include "apps/learn/process.h"

namespace hewn::cli::learn {

/// Build options of a lesson.
struct Build {
  std::vector<std::string>
      headers;  ///< headers that it includes, embedded in the program (apps/CMakeLists.txt)
  std::vector<std::string> options;  ///< additional compiler options
  /// One line of advice for a compiler error (of gcc or clang) that is common in lessons; "" for others.
  std::string (*advice)(const std::string& error) = nullptr;
};

class LessonJudge {
 public:
  virtual ~LessonJudge() = default;
  virtual Build build() const = 0;
  /// A likely cause of an endless loop, as a sentence; "" if none is known.
  virtual std::string when_endless() const { return ""; }

  // Called in a separate process, since a lesson may crash or never return:

  /// Judges a compiled lesson, with `mark` as in judge.h.
  virtual Verdict judge(const SharedLibrary& lesson, const KnownAnswers& known,
                        const std::function<void(const std::string& name)>& mark) const = 0;
  /// Rewards a correct answer, for example by training a model with it; sends lines of text ('t'). Keeps the
  /// run in `out_dir`, unless that is "". Does nothing if there is no reward.
  virtual void reward(const SharedLibrary& lesson, const Sender& send, const std::string& out_dir) const = 0;
  /// Whether the reward is a model, which can be kept as a run.
  virtual bool rewards_with_model() const = 0;
  /// "while the model trains"
  virtual std::string while_rewarded() const = 0;
};

}  // namespace hewn::cli::learn
