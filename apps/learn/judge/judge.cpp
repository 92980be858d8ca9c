#include "apps/learn/judge/judge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "apps/cli/format.h"
#include "apps/learn/judge/lesson_call.h"
#include "core/error.h"
#include "train/inspect/gradcheck/mistakes.h"

namespace hewn::cli::learn {
namespace {

constexpr double slope_bound = 1e-6, result_bound = 1e-9;  // relative to the largest element

/// A case, with the contents of its Outs before and after the call of the function.
struct Tried {
  const LessonCase* of = nullptr;
  std::vector<Value> values;     // with the starts of Outs
  std::vector<Matrix> after;     // what the Outs hold
  std::vector<Matrix> computed;  // of `adds`: what was added, else the same
  KernelReport report = {};
};

/// A wrong element.
struct Found {
  size_t tried = 0, out = 0, element = 0;  // `out` counts Outs
  double expected = 0;
  bool measured = false;  // expected is a measured slope
};

double largest(const Matrix& m) {
  double size = 0;
  for (const double v : m.values) size = std::max(size, std::abs(v));
  return size;
}

/// The first element that differs by more than `bound`; nothing if none does.
std::optional<size_t> first_difference(const Matrix& computed, const Matrix& right, double bound) {
  const double allowed = bound * largest(right) + 1e-12;
  for (size_t i = 0; i < right.values.size(); ++i)
    if (!(std::abs(computed.values[i] - right.values[i]) <= allowed)) return i;
  return std::nullopt;
}

bool equal(const Matrix& a, const Matrix& b) { return !first_difference(a, b, result_bound); }

/// The content of an Out that must be set, before it is: a NaN that no arithmetic makes.
double unwritten() {
  const uint64_t bits = 0x7ff8'5eed'0000'0001;
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
bool is_unwritten(double value) {
  const double mark = unwritten();
  return std::memcmp(&value, &mark, sizeof mark) == 0;
}

Matrix measured_slopes(const SlopesOf& slopes) {
  Matrix at = slopes.at, result(at.rows, at.cols);
  for (size_t i = 0; i < at.values.size(); ++i) {
    const double x = at.values[i], h = 1e-5 * std::max(1.0, std::abs(x));
    at.values[i] = x + h;
    const double above = slopes.loss(at);
    at.values[i] = x - h;
    const double below = slopes.loss(at);
    at.values[i] = x;
    result.values[i] = (above - below) / (2 * h);
  }
  return result;
}

std::string element_text(const Parameter& parameter, const Matrix& m, size_t i) {
  const auto cols = static_cast<size_t>(m.cols);
  if (m.rows == 1) return join(parameter.name, "(", i, ")");
  return join(parameter.name, "(", i / cols, ", ", i % cols, ")");
}

class Judge {
 public:
  Judge(const Exercise& exercise, const lesson::Entry& entry, const KnownAnswers& known,
        const std::function<void(const std::string&)>& mark)
      : exercise_(exercise), lesson_(entry, exercise), known_(known), mark_(mark), cases_(exercise.cases()) {
    for (size_t i = 0; i < exercise.parameters.size(); ++i)
      if (is_out(exercise.parameters[i].role)) outs_.push_back(i);
  }

  Verdict verdict() {
    std::optional<Found> found;
    const LessonCase* slow_in = nullptr;  // the first; mistakes in results come first
    for (const LessonCase& c : cases_) {
      if (found && c.slopes.empty()) continue;  // the small cases tell mistakes apart
      mark_(c.name);
      Tried tried;
      if (const Remark problem = problem_in(lesson_, c, tried); !problem.text.empty()) {
        if (found) break;  // its message comes first
        return {false, remarked(problem, c)};
      }
      tried_.push_back(std::move(tried));
      if (!found) found = wrong_in(tried_.size() - 1);
      if (!found && !slow_in && !slow(tried_.back()).text.empty()) slow_in = &c;
    }
    if (found) return {false, explained(*found)};
    if (slow_in)
      return {false, remarked(slow(tried_[static_cast<size_t>(slow_in - cases_.data())]), *slow_in)};
    return {true, exercise_.kernel ? loads_of(tried_.back()) : ""};
  }

 private:
  Tried run(const Lesson& lesson, const LessonCase& c) const {
    Tried tried{&c, c.values, {}, {}, {}};
    Rng rng(1, static_cast<uint64_t>(&c - cases_.data()));
    for (const size_t i : outs_) {
      Value& v = tried.values[i];
      const Role role = exercise_.parameters[i].role;
      if (role == Role::updates || !v.start.values.empty()) continue;
      v.start = Matrix(v.matrix.rows, v.matrix.cols, unwritten());
      if (role == Role::adds)
        for (double& x : v.start.values) x = 0.25 * (static_cast<double>(rng.below(16)) - 7.5);
    }
    tried.after = lesson.run(tried.values, &tried.report);
    tried.computed = tried.after;
    for (size_t k = 0; k < outs_.size(); ++k) {
      if (exercise_.parameters[outs_[k]].role != Role::adds) continue;
      const std::vector<double>& before = tried.values[outs_[k]].start.values;
      for (size_t i = 0; i < before.size(); ++i) tried.computed[k].values[i] -= before[i];
    }
    return tried;
  }

  /// Calls the function. Says why the results cannot be compared; an empty text if they can.
  Remark problem_in(const Lesson& lesson, const LessonCase& c, Tried& tried) const {
    try {
      tried = run(lesson, c);
      return unusable(tried);
    } catch (const Misuse& misuse) {
      return misuse.remark();
    } catch (const Error& error) {
      return {"", error.what()};
    }
  }

  const Parameter& parameter(size_t out) const { return exercise_.parameters[outs_[out]]; }
  const Matrix& right(const Tried& tried, size_t out) const { return tried.of->values[outs_[out]].matrix; }

  /// Elements without a number.
  Remark unusable(const Tried& tried) const {
    bool nothing = true;
    for (size_t k = 0; k < outs_.size(); ++k) {
      const Matrix& after = tried.after[k];
      const Matrix& start = tried.values[outs_[k]].start;
      if (after.values.empty()) continue;
      nothing =
          nothing && largest(right(tried, k)) > 0 &&
          std::memcmp(after.values.data(), start.values.data(), after.values.size() * sizeof(double)) == 0;
    }
    if (nothing && tried.of == cases_.data()) return {"", "the function writes nothing"};
    for (size_t k = 0; k < outs_.size(); ++k)
      for (size_t i = 0; i < tried.after[k].values.size(); ++i) {
        const double value = tried.after[k].values[i];
        const std::string name = element_text(parameter(k), tried.after[k], i);
        if (is_unwritten(value) && exercise_.kernel)
          return {"an element is never set", join("no thread sets ", name)};
        if (is_unwritten(value))
          return {"", name + " is never set; set every element, also one that is 0, before you add to it"};
        if (!std::isfinite(value) && std::isfinite(right(tried, k).values[i]))
          return {
              "",
              join(name, " is ", std::isnan(value) ? "NaN, which is not a number" : "infinite",
                   ": look for a division by zero, the root of a negative number, the logarithm of 0, or the "
                   "exponential of a large number")};
      }
    return {};
  }

  std::optional<Found> wrong_in(size_t t) const {
    const Tried& tried = tried_[t];
    for (const SlopesOf& slopes : tried.of->slopes) {
      const auto k =
          static_cast<size_t>(std::find(outs_.begin(), outs_.end(), slopes.parameter) - outs_.begin());
      const Matrix measured = measured_slopes(slopes);
      if (const auto i = first_difference(tried.computed[k], measured, slope_bound))
        return Found{t, k, *i, measured.values[*i], true};
    }
    for (size_t k = 0; k < outs_.size(); ++k)
      if (const auto i = first_difference(tried.computed[k], right(tried, k), result_bound))
        return Found{t, k, *i, right(tried, k).values[*i], false};
    return std::nullopt;
  }

  std::string explained(const Found& found) const {
    const Tried& tried = tried_[found.tried];
    const Matrix& computed = tried.computed[found.out];
    const std::string hint = hint_for(found);
    const bool adds = parameter(found.out).role == Role::adds;
    return join("wrong: ", parameter(found.out).name, ", in the case \"", tried.of->name, "\"\n  ",
                element_text(parameter(found.out), computed, found.element), adds ? " gains " : " is ",
                number_text(computed.values[found.element]),
                found.measured ? ", but the measured slope is " : ", but it must be ",
                number_text(found.expected), "\n", hint.empty() ? "" : join("  ", hint, "\n"));
  }

  std::string hint_for(const Found& found) const {
    const Tried& tried = tried_[found.tried];
    for (const WrongAnswer& answer : known_()) {
      mark_(tried.of->name);
      if (gives(answer, found.out)) return answer.hint;
    }
    const Parameter& p = parameter(found.out);
    if (p.role == Role::adds && equal(tried.after[found.out], right(tried, found.out)))
      return join(p.name, " already held something, which your function replaced: add to it");
    if (p.role != Role::adds) return "";  // the fits compare gradients
    if (largest(tried.computed[found.out]) <= 1e-12)
      return join("nothing was added to ", p.name, ", or only zeros");
    const std::string looks_like = mistake_of(found);
    return looks_like.empty() ? "" : join("what it looks like: ", looks_like);
  }

  /// Whether a known wrong answer computes the same in all cases.
  bool gives(const WrongAnswer& answer, size_t out) const {
    const Lesson lesson(*static_cast<const lesson::Entry*>(answer.entry), exercise_);
    bool wrong = false;
    for (const Tried& mine : tried_) try {
        const Tried its = run(lesson, *mine.of);
        if (!equal(its.computed[out], mine.computed[out])) return false;
        wrong = wrong || !equal(its.computed[out], right(mine, out));
      } catch (const Error&) {
        return false;
      }
    return wrong;
  }

  /// A mistake of a kernel whose results are right; an empty text if there is none.
  Remark slow(const Tried& tried) const {
    if (!exercise_.kernel) return {};
    const int64_t most = exercise_.kernel->most_loads(tried.values), loads = tried.report.loads;
    if (tried.report.remark) return *tried.report.remark;
    if (loads <= most) return {};
    return {"elements are read too often",
            join("the threads read ", long_count(loads), " elements from global memory; ", long_count(most),
                 " would be enough")};
  }

  std::string remarked(const Remark& remark, const LessonCase& c) const {
    const std::string where = join("in the case \"", c.name, "\"\n  ", remark.text, "\n");
    if (remark.kind.empty()) return join("wrong, ", where);
    std::string hint;
    for (const WrongAnswer& answer : known_()) {
      mark_(c.name);
      const Remark its = remark_on(answer, c);
      if (its.kind != remark.kind || (!hint.empty() && its.text != remark.text)) continue;
      hint = join("  ", answer.hint, "\n");
    }
    return join("wrong: ", remark.kind, ", ", where, hint);
  }

  /// The remark that a known wrong answer earns in the case, if it computes the same as the lesson so far.
  Remark remark_on(const WrongAnswer& answer, const LessonCase& c) const {
    const Lesson lesson(*static_cast<const lesson::Entry*>(answer.entry), exercise_);
    Tried its;
    for (const Tried& mine : tried_) {
      if (!problem_in(lesson, *mine.of, its).text.empty()) return {};
      for (size_t k = 0; k < outs_.size(); ++k)
        if (!equal(its.computed[k], mine.computed[k])) return {};
      if (mine.of == &c) return slow(its);
    }
    return problem_in(lesson, c, its);
  }

  std::string loads_of(const Tried& tried) const {
    return join("  ", long_count(tried.report.loads), " elements were read from global memory in the case \"",
                tried.of->name, "\", and would be ", long_count(exercise_.kernel->plain_loads(tried.values)),
                " without tiles\n");
  }

  /// The kind of mistake, by the fits of `hewn gradcheck`.
  std::string mistake_of(const Found& found) const {
    const Tried& tried = tried_[found.tried];
    const Matrix& expected = right(tried, found.out);
    WrongGradient wrong;
    wrong.whose = "your result";
    wrong.shape = expected.rows == 1 ? Shape{expected.cols} : Shape{expected.rows, expected.cols};
    wrong.tape = tried.computed[found.out].values;
    wrong.measured = expected.values;
    wrong.value.assign(expected.values.size(), 0.0);
    for (size_t i = 0; i < expected.values.size(); ++i) wrong.entries.push_back(static_cast<int64_t>(i));
    for (size_t i = 0; i < exercise_.parameters.size(); ++i)
      if (std::string_view(exercise_.parameters[i].name) == "dy") {
        wrong.output_grad = tried.values[i].matrix.values;
        wrong.numbers.push_back({"the number of rows", static_cast<double>(tried.values[i].matrix.rows)});
      }
    return mistake_in(wrong, 1e-12);
  }

  const Exercise& exercise_;
  Lesson lesson_;
  const KnownAnswers& known_;
  const std::function<void(const std::string&)>& mark_;
  std::vector<LessonCase> cases_;
  std::vector<size_t> outs_;  // indices of the parameters that are Outs
  std::vector<Tried> tried_;
};

}  // namespace

Verdict judge(const Exercise& exercise, const lesson::Entry& entry, const KnownAnswers& known,
              const std::function<void(const std::string&)>& mark) {
  try {
    return Judge(exercise, entry, known, mark).verdict();
  } catch (const Error& error) {  // the lesson does not fit the exercise
    return {false, join("wrong: ", error.what(), "\n")};
  }
}

}  // namespace hewn::cli::learn
