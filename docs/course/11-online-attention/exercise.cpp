// Chapter 11: attention of one head with running sums, and its backward pass from y and lse.

#include <string_view>

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/error.h"
#include "core/tape.h"
#include "kernels/attention/op.h"
#include "kernels/contract/launch.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/dropout/op.h"

namespace hewn::cli::learn {
namespace online_attention {

/// The inputs of one head, [T, D] each.
struct Head {
  Matrix q, k, v, dy;
};

// With this seed, each of a few tokens keeps a weight at a rate of 0.4, and the first one of 4 tokens does not at 0.9.
constexpr StepState state{.seed = 3};
constexpr uint32_t site = 2;

AttentionOptions options_of(double dropout) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&state);
  return {.dropout = dropout,
          .step_state =
              Tensor::from(cpu(), std::vector<uint8_t>(bytes, bytes + sizeof state), Shape{sizeof state}),
          .site = site};
}

/// The engine's attention of one head.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, double dropout) {
  const auto head = [](const Tensor& t) { return reshape(t, {1, 1, t.dim(0), t.dim(1)}); };
  return reshape(causal_attention(head(q), head(k), head(v), options_of(dropout)), {q.dim(0), q.dim(1)});
}

/// The factors [T, T] by which dropout multiplies the weights.
Matrix factors(int tokens, double dropout) {
  return matrix_of(hewn::dropout(constant(Matrix(tokens, tokens, 1.0)), dropout, site, &state));
}

/// What attention keeps of each query besides its output: the logarithm of its sum of exponentials.
Matrix lse_of(const Node& node) { return saved_in(node, "lse"); }

LessonCase case_of(std::string name, const Head& h, double dropout, bool measured) {
  const Tensor q = leaf(h.q, "q"), k = leaf(h.k, "k"), v = leaf(h.v, "v");
  Tape tape;
  const Tensor y = attention(q, k, v, dropout);
  Matrix lse;
  for (size_t id = 0; id < tape.size(); ++id)
    if (tape.node(id)->info().name == std::string_view("causal_attention")) lse = lse_of(*tape.node(id));
  tape.backward(y, constant(h.dy));
  LessonCase c{std::move(name),
               {h.q, h.k, h.v, factors(h.q.rows, dropout), h.dy, matrix_of(y), lse, gradient_of(q),
                gradient_of(k), gradient_of(v)}};
  const auto measure = [&](size_t parameter, const Matrix& at, Matrix Head::*input) {
    c.slopes.push_back(
        {parameter, at, [h, dropout, input](const Matrix& moved) {
           Head now = h;
           now.*input = moved;
           return dot(matrix_of(attention(constant(now.q), constant(now.k), constant(now.v), dropout)), h.dy);
         }});
  };
  if (measured) measure(7, h.q, &Head::q), measure(8, h.k, &Head::k), measure(9, h.v, &Head::v);
  return c;
}

/// Scores around -738, whose exponentials are so small that only their first digits remain.
Head tiny_exponentials() {
  Head h{Matrix(4, 4), Matrix(4, 4), Matrix(4, 4), Matrix(4, 4)};
  for (int t = 0; t < 4; ++t) {
    h.q(t, 0) = 4, h.q(t, 1) = 1;
    h.k(t, 0) = -369, h.k(t, 1) = t;
    for (int c = 0; c < 4; ++c) h.v(t, c) = c - t, h.dy(t, c) = t - 2 * c;
  }
  return h;
}

std::vector<Parameter> parameters() {
  using enum Role;
  return {{"q", array}, {"k", array},  {"v", array}, {"keep", array}, {"dy", array},
          {"y", sets},  {"lse", sets}, {"dq", adds}, {"dk", adds},    {"dv", adds}};
}

std::vector<LessonCase> cases() {
  Rng rng(11);
  const auto head = [&](int tokens, int columns, double size = 1) {
    return Head{random_matrix(rng, tokens, columns, size), random_matrix(rng, tokens, columns, size),
                random_matrix(rng, tokens, columns), random_matrix(rng, tokens, columns)};
  };
  // Without a gradient, dq, dk and dv are right whatever the backward pass does: two cases judge y and lse first.
  Head forward = head(4, 3);
  forward.dy = Matrix(4, 3);
  Head equal = head(3, 2);
  equal.k = Matrix(3, 2, 1.0);
  const Matrix none(0, 3);
  return {
      case_of("y and lse of 4 tokens; dy is 0", forward, 0, false),
      case_of("y and lse with dropout; dy is 0", forward, 0.4, false),
      case_of("3 tokens", head(3, 3), 0, true),
      case_of("5 tokens, 2 columns, with dropout", head(5, 2), 0.4, true),
      case_of("2 tokens, 4 columns", head(2, 4), 0, true),
      case_of("equal scores", equal, 0, true),
      case_of("1 token", head(1, 3), 0, false),
      case_of("1 column", head(4, 1), 0, false),
      {"no token", {none, none, none, Matrix(0, 0), none, none, Matrix(1, 0), none, none, none}},
      case_of("exponentials so small that the largest score matters", tiny_exponentials(), 0, false),
      case_of("scores of thousands", head(6, 4, 40), 0, false),
      case_of("tokens whose weights are all dropped", head(4, 2), 0.9, false),
      case_of("40 tokens, 8 columns, with dropout", head(40, 8), 0.2, false),
  };
}

/// Columns first to first + n of rows [first_row, first_row + rows).
Matrix part(const Matrix& m, int first_row, int rows, int first, int n) {
  Matrix result(rows, n);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < n; ++c) result(r, c) = m(first_row + r, first + c);
  return result;
}

/// All heads of all windows, without dropout: rows of the input are q, k and v, each with its heads side by side.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Matrix qkv = at.input(0), dy = at.dy(), lse = lse_of(at.node());
    const int C = dy.cols, T = lse.cols, B = dy.rows / T, H = lse.rows / B, D = C / H;
    Matrix dqkv(qkv.rows, qkv.cols);
    const Matrix zeros(T, D);
    for (int b = 0; b < B; ++b)
      for (int h = 0; h < H; ++h) {
        const auto columns = [&](const Matrix& of, int first) {
          return part(of, b * T, T, first + h * D, D);
        };
        const std::vector<Matrix> results =
            lesson.run({columns(qkv, 0), columns(qkv, C), columns(qkv, 2 * C), Matrix(T, T, 1.0),
                        columns(dy, 0), zeros, Matrix(1, T), zeros, zeros, zeros});
        for (int i = 0; i < 3; ++i)  // dq, dk and dv follow y and lse
          for (int t = 0; t < T; ++t)
            for (int d = 0; d < D; ++d)
              dqkv(b * T + t, i * C + h * D + d) = results[static_cast<size_t>(2 + i)](t, d);
      }
    at.contribute(0, std::move(dqkv));
  };
  training.run({"causal_attention_packed", backward}, false);
}

}  // namespace online_attention

const Exercise& online_attention_exercise() {
  static const Exercise exercise{.lesson = "online_attention",
                                 .parameters = online_attention::parameters(),
                                 .cases = online_attention::cases,
                                 .in_training = online_attention::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
