#pragma once
// The judge of lessons that are rungs of a ladder: RUNG of hewn/rung.h. Checks a rung like `hewn bench
// kernels --rung`, finds races and known mistakes, and times a correct rung against the ladder's.

#include "apps/learn/judge/lesson_judge.h"
#include "kernels/contract/case.h"
#include "kernels/contract/plugin.h"

namespace hewn::cli::learn {

/// The result of a rung for a case: the values of its only output.
struct RungResult {
  const void* arguments;
  const std::vector<double>& before;  ///< initial values of the output
  const std::vector<double>& after;
  const std::vector<double>& right;
};

/// A kind of mistake, and a sentence for the student that describes it.
struct RungMistake {
  std::string kind = {};  ///< "" if unknown
  std::string text = {};
};

struct RungExercise {
  const char* room;   ///< "matmul", also the name of the operation
  const char* first;  ///< the shape of the first case, on which wrong answers stay within their arrays
  const char* timed;  ///< the shape of the last case, on which a correct rung is timed
  std::vector<const char*> rivals;  ///< the rungs to pass, the slowest first; they use one thread
  /// The sizes of a case, for messages.
  std::string (*sizes)(const void* arguments);
  /// An element of the output, for messages: "row 2, column 3 of c".
  std::string (*element)(const void* arguments, size_t i);
  /// Describes a wrong result.
  RungMistake (*mistake)(const RungResult& result);
  const char* when_endless = "";
};

class RungJudge final : public LessonJudge {
 public:
  explicit RungJudge(RungExercise exercise) : exercise_(std::move(exercise)) {}
  Build build() const override;
  std::string when_endless() const override { return exercise_.when_endless; }
  Verdict judge(const SharedLibrary& lesson, const KnownAnswers& known,
                const std::function<void(const std::string& name)>& mark) const override;
  /// Times the rung and its rivals, and reports which of them it has passed.
  void reward(const SharedLibrary& lesson, const Sender& send, const std::string& out_dir) const override;
  bool rewards_with_model() const override { return false; }
  std::string while_rewarded() const override { return "while your rung is timed"; }

 private:
  RungExercise exercise_;
};

}  // namespace hewn::cli::learn
