// The judge on an exercise with every kind of parameter.

#include "apps/learn/judge/judge.h"

#include <limits>

#include "apps/learn/judge/lesson_call.h"
#include "core/error.h"
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
std::string verdict_of(const std::vector<WrongAnswer>& wrong = {}) {
  std::string marks;
  bool compared = false;
  const KnownAnswers known = [&] {
    compared = true;
    return wrong;
  };
  const Verdict verdict =
      judge(exercise, entry_of<f>(), known, [&](const std::string& name) { marks += name + ","; });
  CHECK(verdict.right == verdict.text.empty());
  if (verdict.right) CHECK(marks == "2 rows,1 rows,0 rows,");
  if (verdict.right) CHECK(!compared);  // nothing is compiled for a right answer
  return verdict.text;
}

// A lesson that calls a layer, [2, 2] -> [2, 3]: twice the columns of x, and the first one again.

const Exercise with_layer{
    .lesson = "descend",
    .parameters = {{"x", Role::array}, {"twice", Role::layer}, {"y", Role::sets}, {"dx", Role::adds}},
    .cases = nullptr};

void composed(Array x, Layer twice, Out y, Out dx) {
  Array t = twice(x);
  y.set(t + t);
  y.add(t);
  dx.add(twice.backward(y) + x);
}
void too_early(Array, Layer twice, Out y, Out) { twice.backward(y); }
void sum_of_others(Array x, Layer, Out y, Out) { y.set(x + y); }
void set_to_other(Array x, Layer, Out y, Out) { y.set(x); }
void add_other(Array x, Layer twice, Out, Out dx) { dx.add(twice(x)); }
void twice_twice(Array x, Layer twice, Out, Out) { twice(twice(x)); }
void back_from_x(Array x, Layer twice, Out, Out) {
  twice(x);
  twice.backward(x);
}
void long_name(Array x, Layer, Out y, Out) {
  Array two = x + x, four = two + two, eight = four + four, sixteen = eight + eight;
  y.set(sixteen + sixteen);
}

std::vector<Value> layer_values() {
  const LayerFunctions twice{.rows = 2,
                             .in = 2,
                             .out = 3,
                             .forward =
                                 [](const Matrix& x) {
                                   Matrix y(x.rows, 3);
                                   for (int r = 0; r < x.rows; ++r)
                                     for (int c = 0; c < 3; ++c) y(r, c) = 2 * x(r, c % 2);
                                   return y;
                                 },
                             .backward =
                                 [](const Matrix& x, const Matrix& dy) {
                                   Matrix dx(x.rows, 2);
                                   for (int r = 0; r < x.rows; ++r)
                                     for (int c = 0; c < 3; ++c) dx(r, c % 2) += 2 * dy(r, c);
                                   return dx;
                                 }};
  return {Matrix(2, 2, {1, 2, 3, 4}), layer_value(twice), Matrix(2, 3), Matrix(2, 2)};
}

template <auto f>
std::string problem_of() {
  try {
    Lesson(entry_of<f>(), with_layer).run(layer_values());
  } catch (const hewn::Error& error) {
    return error.what();
  }
  return "";
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
  const std::vector<WrongAnswer> known = {{"that way is up", &entry_of<upwards>()},
                                          {"too late", &entry_of<too_late>()}};
  CHECK(contains(verdict_of<too_late>(known), "\n  too late\n"));
  CHECK(contains(verdict_of<upwards>(known), "\n  that way is up\n"));
  CHECK(contains(verdict_of<set_count>(known), "count already held something, which your function replaced"));
  CHECK(verdict_of<right>(known) == "");
}

TEST_CASE("judge: layers and sums, and shapes that do not fit") {
  const std::vector<Matrix> outs = Lesson(entry_of<composed>(), with_layer).run(layer_values());
  CHECK(outs[0].values == std::vector<double>{6, 12, 6, 18, 24, 18});
  CHECK(outs[1].values == std::vector<double>{25, 26, 75, 52});
  CHECK(problem_of<composed>() == "");
  CHECK(problem_of<too_early>() ==
        "twice.backward(y): twice was not called before, so there is no x whose gradient this could be");
  CHECK(problem_of<sum_of_others>() == "x + y: x is [2, 2], y [2, 3]");
  CHECK(problem_of<set_to_other>() == "y.set(x): y is [2, 3], x [2, 2]");
  CHECK(problem_of<add_other>() == "dx.add(twice(x)): dx is [2, 2], twice(x) [2, 3]");
  CHECK(problem_of<twice_twice>() == "twice(twice(x)): twice(x) is [2, 3], but must be [2, 2]");
  CHECK(problem_of<back_from_x>() == "twice.backward(x): x is [2, 2], but must be [2, 3]");
  CHECK(contains(problem_of<long_name>(), "y.set(x + x + x"));
  CHECK(contains(problem_of<long_name>(), "...): y is [2, 3]"));
}
