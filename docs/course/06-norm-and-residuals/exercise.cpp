// Chapter 6: the backward pass of a layer norm.

#include <cmath>
#include <string_view>

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/error.h"
#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "kernels/norm/op.h"

namespace hewn::cli::learn {
namespace norm_and_residuals {

constexpr double eps = 1e-5;

/// The engine's layer norm, with a weight of 1.
Tensor normalised(const Tensor& x) {
  const std::vector<double> ones(static_cast<size_t>(x.cols()), 1.0);
  return layernorm(x, Tensor::from(cpu(), ones, Shape{x.cols()}), Tensor(), eps);
}

/// 1 / sqrt(variance + eps) of each row.
Matrix rstd_of(const Matrix& x) {
  Matrix rstd(x.rows, 1);
  for (int r = 0; r < x.rows; ++r) {
    double mean = 0, variance = 0;
    for (int c = 0; c < x.cols; ++c) mean += x(r, c) / x.cols;
    for (int c = 0; c < x.cols; ++c) variance += (x(r, c) - mean) * (x(r, c) - mean) / x.cols;
    rstd(r, 0) = 1 / std::sqrt(variance + eps);
  }
  return rstd;
}

LessonCase case_of(std::string name, const Matrix& x, const Matrix& dy, bool measured) {
  const Tensor tx = leaf(x, "x");
  Tape tape;
  const Tensor y = normalised(tx);
  tape.backward(y, constant(dy));
  LessonCase c{std::move(name), {matrix_of(y), rstd_of(x), dy, gradient_of(tx)}};
  if (measured)
    c.slopes = {
        {3, x, [dy](const Matrix& moved) { return dot(matrix_of(normalised(constant(moved))), dy); }}};
  return c;
}

std::vector<LessonCase> cases() {
  Rng rng(6);
  const auto random = [&](std::string name, int rows, int cols, double size, double mean, bool measured) {
    Matrix x = random_matrix(rng, rows, cols, size);
    for (double& value : x.values) value += mean;
    return case_of(std::move(name), x, random_matrix(rng, rows, cols), measured);
  };
  return {
      random("3 rows, 4 columns", 3, 4, 1, 0, true),
      random("1 row", 1, 5, 1, 2, true),
      random("2 columns, of which one rises as far as the other falls", 3, 2, 1, 0, false),
      random("1 column", 3, 1, 1, 0, false),
      case_of("a row of equal values", Matrix(2, 4, 3.0), random_matrix(rng, 2, 4), false),
      random("no row", 0, 3, 1, 0, false),
      random("values so small that eps matters", 3, 5, 1e-3, 0, false),
      random("large values", 4, 6, 1e4, 1e4, false),
      random("33 rows, 17 columns", 33, 17, 1, -1, false),
  };
}

/// All layer norms of the model. The gradients of their weights and biases stay the engine's.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Matrix x = at.input(0), weight = at.input(1),
                 stats = saved_in(at.node(), "stats");  // of each row: its mean and rstd
    Matrix y(x.rows, x.cols), rstd(x.rows, 1), dy = at.dy();
    for (int r = 0; r < x.rows; ++r) {
      rstd(r, 0) = stats(r, 1);
      for (int c = 0; c < x.cols; ++c) {
        y(r, c) = (x(r, c) - stats(r, 0)) * rstd(r, 0);
        dy(r, c) *= weight(0, c);
      }
    }
    at.contribute(0, lesson.run({y, rstd, dy, Matrix(x.rows, x.cols)})[0]);
  };
  training.run({"layernorm", backward}, false);
}

}  // namespace norm_and_residuals

const Exercise& layernorm_backward_exercise() {
  static const Exercise exercise{
      .lesson = "layernorm_backward",
      .parameters = {{"y", Role::array}, {"rstd", Role::array}, {"dy", Role::array}, {"dx", Role::adds}},
      .cases = norm_and_residuals::cases,
      .in_training = norm_and_residuals::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
