#include "apps/learn/judge/array_judge.h"

#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"

namespace hewn::cli::learn {
namespace {

/// The entry that LESSON exports; null if the file has none.
const lesson::Entry* entry_of(const SharedLibrary& lesson) {
  const auto get = lesson.symbol<const void* (*)()>("hewn_lesson");
  return get ? static_cast<const lesson::Entry*>(get()) : nullptr;
}

/// See Build::advice.
std::string advice(const std::string& error) {
  const auto says = [&](const char* part) { return error.find(part) != error.npos; };
  if (says("lvalue required as left operand") || says("expression is not assignable"))
    return "  y(r, c) can only be read: change it with y.set(r, c, value), an Out also with "
           "y.add(r, c, value), and compare with ==\n";
  if (says("operator[]") || says("subscript operator"))
    return "  elements are in parentheses: y(r, c), or y(i) of a list\n";
  if (says("operator=") || says("assignment operator"))
    return "  arrays are not assigned: give each result a name of its own, as in Array z = x + y, and fill "
           "an Out with dx.set(z)\n";
  if (says("no member named") && says("size")) return "  the sizes of an array are y.rows and y.cols\n";
  return "";
}

}  // namespace

Build ArrayJudge::build() const { return {{"hewn/lesson.h"}, {"-std=c++17", "-O2", "-Wl,-z,defs"}, advice}; }

Verdict ArrayJudge::judge(const SharedLibrary& lesson, const KnownAnswers& known,
                          const std::function<void(const std::string& name)>& mark) const {
  const lesson::Entry* const entry = entry_of(lesson);
  if (!entry)
    return {false, join("wrong: the file has no function that begins with ",
                        exercise_.kernel ? "KERNEL" : "LESSON", "(...)\n")};
  return learn::judge(exercise_, *entry, known, mark);
}

void ArrayJudge::reward(const SharedLibrary& lesson, const Sender& send, const std::string& out_dir) const {
  if (!exercise_.in_training) return;
  Lesson function(*entry_of(lesson), exercise_);
  Training training{send, out_dir};
  exercise_.in_training(function, training);
}

}  // namespace hewn::cli::learn
