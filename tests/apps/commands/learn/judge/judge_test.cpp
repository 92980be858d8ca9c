// The judge on an exercise with every kind of parameter.

#include "apps/commands/learn/judge/judge.h"

#include <limits>

#include "tests/apps/hewn.h"

using namespace hewn::cli::learn;
using hewn::test::contains;

namespace {

namespace lesson = hewn::lesson;

/// A function as if it had been compiled from a lesson.
template <auto f>
const lesson::Entry& entry_of() {
  static const lesson::Entry entry = {lesson::version, "descend", lesson::letters_of(f),
                                      [](const lesson::Operand* operands) { lesson::call(f, operands); }};
  return entry;
}

// w loses rate times the gradient of the picked rows; y is the picked rows of w before, each n times.

std::vector<LessonCase> cases() {
  std::vector<LessonCase> all;
  for (const int rows : {2, 1, 0}) {
    const int picked = rows == 0 ? 0 : 3, cols = 2;
    hewn::Rng rng(3, static_cast<uint64_t>(rows));
    std::vector<int> ids;
    for (int i = 0; i < picked; ++i) ids.push_back(i % rows);  // repeated
    const Matrix g = random_matrix(rng, picked, cols), w = random_matrix(rng, rows, cols);
    Matrix after = w, y(picked, cols), count(1, rows);
    for (int i = 0; i < picked; ++i)
      for (int c = 0; c < cols; ++c) {
        const int row = ids[static_cast<size_t>(i)];
        after(row, c) -= 0.5 * g(i, c);
        y(i, c) = 2 * w(row, c);
        count(0, row) += c == 0;
      }
    all.push_back({std::to_string(rows) + " rows",
                   {ids_value(1, picked, ids), number_value(2), number_value(0.5), g, update_value(w, after),
                    y, count}});
  }
  return all;
}

const Exercise exercise{.lesson = "descend",
                        .parameters = {{"pick", Role::ids},
                                       {"n", Role::integer},
                                       {"rate", Role::real},
                                       {"g", Role::array},
                                       {"w", Role::updates},
                                       {"y", Role::sets},
                                       {"count", Role::adds}},
                        .cases = cases};

void right(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  for (int i = 0; i < pick.cols; ++i)
    for (int c = 0; c < w.cols; ++c) y.set(i, c, n * w(pick(i), c));
  for (int i = 0; i < pick.cols; ++i) {
    for (int c = 0; c < w.cols; ++c) w.add(pick(i), c, -rate * g(i, c));
    count.add(pick(i), 1);
  }
}
// Reads rows of w that have changed.
void too_late(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  for (int i = 0; i < pick.cols; ++i) {
    for (int c = 0; c < w.cols; ++c) y.set(i, c, n * w(pick(i), c));
    for (int c = 0; c < w.cols; ++c) w.add(pick(i), c, -rate * g(i, c));
    count.add(pick(i), 1);
  }
}
void set_count(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  right(pick, n, rate, g, w, y, count);
  for (int r = 0; r < count.cols; ++r) {
    double times = 0;
    for (int i = 0; i < pick.cols; ++i) times += pick(i) == r;
    count.set(r, times);
  }
}
void upwards(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  right(pick, n, -rate, g, w, y, count);
}
void no_count(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  right(pick, n, rate, g, w, y, count);
  for (int i = 0; i < pick.cols; ++i) count.add(pick(i), -1);
}
void twice(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  right(pick, n, rate, g, w, y, count);
  for (int i = 0; i < y.rows; ++i)
    for (int c = 0; c < y.cols; ++c) y.set(i, c, 2 * y(i, c));
}
void no_first_row(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  const double first = y.rows > 0 ? y(0, 0) : 0;
  right(pick, n, rate, g, w, y, count);
  if (y.rows > 0) y.set(0, 0, first);
}
void not_a_number(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  right(pick, n, rate, g, w, y, count);
  if (w.rows == 1) w.set(0, 1, std::numeric_limits<double>::quiet_NaN());
}
void wrong_when_empty(Ids pick, int n, double rate, Array g, Out w, Out y, Out count) {
  right(pick, n, rate, g, w, y, count);
  if (w.rows == 0) w.add(0, 0, 1);
}
void other_parameters(Array pick, Out y) { y.set(0, pick(0)); }

template <auto f>
std::string verdict_of(std::span<const WrongAnswer> known = {}) {
  std::string marks;
  const Verdict verdict =
      judge(exercise, entry_of<f>(), known, [&](const std::string& name) { marks += name + ","; });
  CHECK(verdict.right == verdict.text.empty());
  if (verdict.right) CHECK(marks == "2 rows,1 rows,0 rows,");
  return verdict.text;
}

}  // namespace

TEST_CASE("judge: parameters of all kinds") {
  CHECK(verdict_of<right>() == "");
  const std::string late = verdict_of<too_late>();
  CHECK(contains(late, "wrong: y, in the case \"2 rows\"\n  y(2, 0) is "));
  CHECK(contains(verdict_of<upwards>(), "wrong: w, in the case \"2 rows\""));
  CHECK(!contains(verdict_of<twice>(), "what it looks like"));  // y is no gradient
  CHECK(contains(verdict_of<no_count>(), "nothing was added to count, or only zeros"));
  CHECK(contains(verdict_of<no_first_row>(), "y(0, 0) is never set"));
  CHECK(contains(verdict_of<not_a_number>(), "in the case \"1 rows\"\n  w(1) is NaN"));
  CHECK(contains(verdict_of<wrong_when_empty>(), "w(0, 0) is outside: w has 0 rows (there is none)"));
  CHECK(contains(verdict_of<other_parameters>(),
                 "LESSON(descend, (Ids pick, int n, double rate, Array g, Out w, Out y, Out count)) {"));
}

TEST_CASE("judge: hints of known wrong answers, and of outputs that are replaced") {
  const WrongAnswer known[] = {{"upwards", "that way is up", &entry_of<upwards>()},
                               {"too_late", "too late", &entry_of<too_late>()}};
  CHECK(contains(verdict_of<too_late>(known), "\n  too late\n"));
  CHECK(contains(verdict_of<upwards>(known), "\n  that way is up\n"));
  CHECK(contains(verdict_of<set_count>(known), "count already held something, which your function replaced"));
  CHECK(verdict_of<right>(known) == "");
}
