// Chapter 2: the backward pass of a linear layer.

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "kernels/linear/op.h"

namespace hewn::cli::learn {
namespace matrices {

/// The sum of dy times y = x W + b.
double loss(const Matrix& x, const Matrix& w, const Matrix& b, const Matrix& dy) {
  return dot(matrix_of(linear(constant(x), constant(w), Tensor::from(cpu(), b.values, Shape{b.cols}))), dy);
}

LessonCase random_case(std::string name, Rng& rng, int rows, int in, int out, double size, bool measured) {
  const Matrix x = random_matrix(rng, rows, in, size), w = random_matrix(rng, in, out),
               b = random_matrix(rng, 1, out), dy = random_matrix(rng, rows, out);
  const Tensor tx = leaf(x, "x"), tw = leaf(w, "w"), tb = list_leaf(b, "b");
  Tape tape;
  tape.backward(linear(tx, tw, tb), constant(dy));
  LessonCase c{std::move(name), {x, w, dy, gradient_of(tx), gradient_of(tw), gradient_of(tb)}};
  if (measured)
    c.slopes = {{3, x, [=](const Matrix& moved) { return loss(moved, w, b, dy); }},
                {4, w, [=](const Matrix& moved) { return loss(x, moved, b, dy); }},
                {5, b, [=](const Matrix& moved) { return loss(x, w, moved, dy); }}};
  return c;
}

std::vector<LessonCase> cases() {
  Rng rng(2);
  return {
      random_case("3 rows, 3 to 3 columns", rng, 3, 3, 3, 1, true),
      random_case("2 rows, 3 to 4 columns", rng, 2, 3, 4, 1, true),
      random_case("1 row", rng, 1, 4, 2, 1, true),
      random_case("1 column to 1", rng, 3, 1, 1, 1, true),
      random_case("no row", rng, 0, 3, 2, 1, false),
      random_case("large values", rng, 5, 7, 6, 1e8, false),
      random_case("33 rows, 17 to 9 columns", rng, 33, 17, 9, 1, false),
  };
}

/// All linear layers of the model. Its activation is an operation of its own, so that x is what a layer reads.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Matrix x = at.input(0), w = at.input(1), dy = at.dy();
    const std::vector<Matrix> results =
        lesson.run({x, w, dy, Matrix(x.rows, x.cols), Matrix(w.rows, w.cols), Matrix(1, w.cols)});
    for (size_t i = 0; i < results.size(); ++i)
      if (at.has(i)) at.contribute(i, results[i]);
  };
  training.run({"linear", backward}, false, {{"act", "swiglu"}});
}

}  // namespace matrices

const Exercise& linear_backward_exercise() {
  using enum Role;
  static const Exercise exercise{
      .lesson = "linear_backward",
      .parameters = {{"x", array}, {"w", array}, {"dy", array}, {"dx", adds}, {"dw", adds}, {"db", adds}},
      .cases = matrices::cases,
      .in_training = matrices::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
