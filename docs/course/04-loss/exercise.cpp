// Chapter 4: the backward pass of softmax and cross-entropy.

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/tape.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/matmul/op.h"
#include "kernels/softmax/op.h"

namespace hewn::cli::learn {
namespace losses {

constexpr int masked = -100;

LessonCase case_of(std::string name, const Matrix& logits, const std::vector<int>& targets, bool measured) {
  const Tensor z = leaf(logits, "logits");
  Tape tape;
  tape.backward(cross_entropy(z, tensor_of(targets)));
  LessonCase c{std::move(name),
               {matrix_of(softmax(constant(logits))), ids_value(1, logits.rows, targets), gradient_of(z)}};
  if (measured)
    c.slopes.push_back({2, logits, [targets](const Matrix& moved) {
                          return matrix_of(cross_entropy(constant(moved), tensor_of(targets)))(0, 0);
                        }});
  return c;
}

std::vector<LessonCase> cases() {
  Rng rng(4);
  const auto random = [&](std::string name, const std::vector<int>& targets, int vocabulary, double size = 1,
                          bool measured = true) {
    const Matrix logits = random_matrix(rng, static_cast<int>(targets.size()), vocabulary, size);
    return case_of(std::move(name), logits, targets, measured);
  };
  std::vector<int> many;
  for (int r = 0; r < 40; ++r) many.push_back(r % 7 == 3 ? masked : static_cast<int>(rng.below(52)));
  return {
      random("3 rows, the second one masked", {2, masked, 0}, 4),
      random("2 rows", {0, 2}, 3),
      random("1 row", {1}, 5),
      random("only the last row counts", {masked, masked, 1}, 2),
      random("the same target twice", {1, 1, 3}, 4),
      random("a vocabulary of 1", {0, 0}, 1),
      random("large logits", {0, 1, masked, 2}, 3, 500, false),
      random("40 rows of 52", many, 52, 1, false),
  };
}

/// The head and the loss are one operation of the model. The head's part is computed here, from dlogits.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Tensor x = constant(at.input(0)), weight = constant(at.input(1));
    const Matrix ids = at.input(3);
    const std::vector<int> targets(ids.values.begin(), ids.values.end());
    const Matrix p = matrix_of(softmax(matmul(x, weight, false, true)));
    Matrix dlogits = lesson.run({p, ids_value(1, p.rows, targets), Matrix(p.rows, p.cols)})[0];
    for (double& g : dlogits.values) g *= at.dy()(0, 0);
    const Tensor dz = constant(dlogits);
    at.contribute(0, matrix_of(matmul(dz, weight)));
    at.contribute(1, matrix_of(matmul(dz, x, true, false)));
  };
  training.run({"linear_cross_entropy", backward}, false);
}

}  // namespace losses

const Exercise& cross_entropy_backward_exercise() {
  static const Exercise exercise{
      .lesson = "cross_entropy_backward",
      .parameters = {{"p", Role::array}, {"targets", Role::ids}, {"dlogits", Role::adds}},
      .cases = losses::cases,
      .in_training = losses::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
