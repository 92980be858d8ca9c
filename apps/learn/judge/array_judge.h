#pragma once
// The judge of lessons that are functions over arrays, or kernels over matrices: LESSON and KERNEL of hewn/lesson.h.

#include "apps/learn/judge/lesson_judge.h"

namespace hewn::cli::learn {

class ArrayJudge final : public LessonJudge {
 public:
  explicit ArrayJudge(const Exercise& exercise) : exercise_(exercise) {}
  Build build() const override;
  std::string when_endless() const override { return exercise_.when_endless; }
  Verdict judge(const SharedLibrary& lesson, const KnownAnswers& known,
                const std::function<void(const std::string& name)>& mark) const override;
  void reward(const SharedLibrary& lesson, const Sender& send, const std::string& out_dir) const override;
  bool rewards_with_model() const override { return exercise_.in_training != nullptr; }
  std::string while_rewarded() const override { return "while the model trains"; }

 private:
  const Exercise& exercise_;
};

}  // namespace hewn::cli::learn
