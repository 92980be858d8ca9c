// Chapter 5: causal softmax and its backward pass.

#include <algorithm>

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/tape.h"
#include "kernels/softmax/op.h"

namespace hewn::cli::learn {
namespace attention {

LessonCase case_of(std::string name, const Matrix& s, const Matrix& dp, bool measured) {
  const Tensor scores = leaf(s, "s");
  Tape tape;
  const Tensor p = causal_softmax(scores);
  tape.backward(p, constant(dp));
  LessonCase c{std::move(name), {s, dp, matrix_of(p), gradient_of(scores)}};
  if (measured)
    c.slopes.push_back(
        {3, s, [dp](const Matrix& moved) { return dot(matrix_of(causal_softmax(constant(moved))), dp); }});
  return c;
}

std::vector<LessonCase> cases() {
  Rng rng(5);
  const auto random = [&](std::string name, int n, double size, bool measured) {
    const Matrix s = random_matrix(rng, n, n, size);
    return case_of(std::move(name), s, random_matrix(rng, n, n), measured);
  };
  // Without a gradient, ds is right whatever the backward pass does: the first case judges p.
  const Matrix s = random_matrix(rng, 3, 3);
  std::vector<LessonCase> all{
      case_of("the weights of 3 tokens; dp is 0", s, Matrix(3, 3), false),
      random("3 tokens", 3, 1, true),
      random("5 tokens", 5, 1, true),
      random("2 tokens", 2, 1, true),
      random("1 token", 1, 1, true),
      case_of("equal scores", Matrix(4, 4, 0.5), random_matrix(rng, 4, 4), true),
      case_of("a gradient of ones", s, Matrix(3, 3, 1.0), false),
      random("large scores", 6, 400, false),
      random("40 tokens", 40, 1, false),
  };
  Matrix later(3, 3);  // the largest scores are those of tokens that are not seen
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) later(i, j) = j > i ? 1000 : -1000;
  all.push_back(case_of("large scores of tokens that are not seen", later, random_matrix(rng, 3, 3), false));
  return all;
}

/// Attention that stores its weights: the heads of all windows, one after the other.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Matrix scores = at.input(0), dp = at.dy();
    const int n = scores.cols;
    Matrix ds(scores.rows, n);
    for (int first = 0; first < scores.rows; first += n) {
      const auto head = [&](const Matrix& m) {
        const auto begin = m.values.begin() + int64_t{first} * n;
        return Matrix(n, n, {begin, begin + int64_t{n} * n});
      };
      const Matrix result = lesson.run({head(scores), head(dp), Matrix(n, n), Matrix(n, n)})[1];
      std::copy(result.values.begin(), result.values.end(), ds.values.begin() + int64_t{first} * n);
    }
    at.contribute(0, std::move(ds));
  };
  training.run({"causal_softmax", backward}, false, {{"attention", "batched"}});
}

}  // namespace attention

const Exercise& causal_softmax_exercise() {
  static const Exercise exercise{
      .lesson = "causal_softmax",
      .parameters = {{"s", Role::array}, {"dp", Role::array}, {"p", Role::sets}, {"ds", Role::adds}},
      .cases = attention::cases,
      .in_training = attention::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
