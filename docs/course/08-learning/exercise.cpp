// Chapter 8: a step of AdamW.

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/tensor.h"
#include "kernels/contract/contract.h"
#include "kernels/devices/devices.h"
#include "kernels/optimizer/abi.h"

namespace hewn::cli::learn {
namespace learning {

/// The numbers of a step.
struct Numbers {
  double learning_rate = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0.1;
  int step = 1;
};

/// The step as the engine makes it. All matrices are lists.
LessonCase case_of(std::string name, const Numbers& numbers, const Matrix& g, const Matrix& w,
                   const Matrix& m, const Matrix& v) {
  const auto tensor = [](const Matrix& list) { return Tensor::from(cpu(), list.values, Shape{list.cols}); };
  const Tensor tg = tensor(g), tw = tensor(w), tm = tensor(m), tv = tensor(v);
  const StepState state{.step = numbers.step - 1, .learning_rate = numbers.learning_rate};
  run(cpu(), ParameterUpdate{.rule = UpdateRule::adamw,
                             .dtype = DType::f64,
                             .n = g.cols,
                             .n_decayed = g.cols,
                             .w = tw.data(),
                             .g = tg.data(),
                             .m = tm.data(),
                             .v = tv.data(),
                             .beta1 = numbers.beta1,
                             .beta2 = numbers.beta2,
                             .eps = numbers.eps,
                             .weight_decay = numbers.weight_decay,
                             .state = &state});
  return {std::move(name),
          {g, number_value(numbers.learning_rate), number_value(numbers.beta1), number_value(numbers.beta2),
           number_value(numbers.eps), number_value(numbers.weight_decay), number_value(numbers.step),
           update_value(w, matrix_of(tw)), update_value(m, matrix_of(tm)), update_value(v, matrix_of(tv))}};
}

std::vector<Parameter> parameters() {
  using enum Role;
  return {{"g", array},           {"lr", real},      {"beta1", real}, {"beta2", real}, {"eps", real},
          {"weight_decay", real}, {"step", integer}, {"w", updates},  {"m", updates},  {"v", updates}};
}

std::vector<LessonCase> cases() {
  Rng rng(8);
  // The moments are those of earlier gradients of the same size.
  const auto random = [&](std::string name, const Numbers& numbers, int elements, double size = 1) {
    const Matrix g = random_matrix(rng, 1, elements, size), w = random_matrix(rng, 1, elements);
    Matrix m(1, elements), v(1, elements);
    for (int i = 0; i < elements && numbers.step > 1; ++i) {
      const double before = size * rng.normal();
      m(0, i) = (1 - numbers.beta1) * before;
      v(0, i) = (1 - numbers.beta2) * before * before;
    }
    return case_of(std::move(name), numbers, g, w, m, v);
  };
  return {
      random("the third step, with a large eps", {.eps = 0.01, .step = 3}, 4),
      random("the first step", {}, 4),
      random("the first step without decay", {.weight_decay = 0}, 3),
      case_of("no gradient yet: the weight only decays", {}, Matrix(1, 3), Matrix(1, 3, 2.0), Matrix(1, 3),
              Matrix(1, 3)),
      case_of("no gradient any more: the moments fade", {.step = 5}, Matrix(1, 2), Matrix(1, 2, 1.0),
              Matrix(1, 2, 0.5), Matrix(1, 2, 0.25)),
      random("one weight", {.step = 2}, 1),
      random("no weight", {}, 0),
      random("moments without a memory", {.beta1 = 0, .beta2 = 0, .step = 2}, 3),
      random("gradients so small that eps matters", {.step = 2}, 4, 1e-8),
      random("large gradients", {.step = 2}, 4, 1e8),
      random("step 5000", {.learning_rate = 1e-3, .step = 5000}, 33),
  };
}

/// All parameters of the model.
void in_training(Lesson& lesson, Training& training) {
  training.run([&](UpdateAt& at) {
    std::vector<Matrix> results =
        lesson.run({at.g, number_value(at.learning_rate), number_value(at.beta1), number_value(at.beta2),
                    number_value(at.eps), number_value(at.weight_decay), number_value(at.step),
                    update_value(at.w, at.w), update_value(at.m, at.m), update_value(at.v, at.v)});
    at.w = std::move(results[0]), at.m = std::move(results[1]), at.v = std::move(results[2]);
  });
}

}  // namespace learning

const Exercise& adamw_step_exercise() {
  static const Exercise exercise{.lesson = "adamw_step",
                                 .parameters = learning::parameters(),
                                 .cases = learning::cases,
                                 .in_training = learning::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
