// Chapter 3: the backward pass of an embedding.

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"
#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "kernels/embedding/op.h"

namespace hewn::cli::learn {
namespace embeddings {

LessonCase case_of(std::string name, Rng& rng, const std::vector<int>& ids, int vocabulary, int width,
                   double size = 1) {
  const auto n = static_cast<int>(ids.size());
  const Matrix weight = random_matrix(rng, vocabulary, width, size), dy = random_matrix(rng, n, width, size);
  const Tensor table = leaf(weight, "weight");
  Tape tape;
  tape.backward(embedding(table, tensor_of(ids)), constant(dy));
  LessonCase c{std::move(name), {ids_value(1, n, ids), dy, gradient_of(table)}};
  if (n > 0 && n < 10 && size == 1)
    c.slopes.push_back({2, weight, [=](const Matrix& moved) {
                          return dot(matrix_of(embedding(constant(moved), tensor_of(ids))), dy);
                        }});
  return c;
}

std::vector<LessonCase> cases() {
  Rng rng(3);
  std::vector<int> many;
  for (int i = 0; i < 500; ++i) many.push_back(static_cast<int>(rng.below(52)));
  return {
      case_of("4 tokens of 4, one of them twice", rng, {2, 0, 2, 3}, 4, 4),
      case_of("5 tokens of 6, one of them three times", rng, {5, 1, 5, 5, 3}, 6, 3),
      case_of("always the same token", rng, {1, 1, 1}, 3, 2),
      case_of("every token once", rng, {3, 1, 0, 2}, 4, 2),
      case_of("1 token", rng, {2}, 3, 2),
      case_of("1 column", rng, {0, 2, 0}, 3, 1),
      case_of("a table of 1 row", rng, {0, 0}, 1, 3),
      case_of("no token", rng, {}, 3, 2),
      case_of("large values", rng, {1, 0, 1}, 2, 2, 1e8),
      case_of("500 tokens of 52", rng, many, 52, 8),
  };
}

/// The embeddings of tokens and of positions: position t of every window looks up row t.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Matrix dy = at.dy();
    const bool positions = at.has(2);
    const Matrix tokens = at.input(positions ? 2 : 1);
    const auto n = static_cast<int>(tokens.values.size());
    const auto replace = [&](size_t input, const std::vector<int>& ids) {
      const Matrix table = at.input(input);
      at.contribute(input, lesson.run({ids_value(1, n, ids), dy, Matrix(table.rows, table.cols)})[0]);
    };
    std::vector<int> ids(tokens.values.begin(), tokens.values.end());
    replace(0, ids);
    if (!positions) return;
    for (int i = 0; i < n; ++i) ids[static_cast<size_t>(i)] = i % tokens.cols;
    replace(1, ids);
  };
  training.run({"embedding", backward}, false);
}

}  // namespace embeddings

const Exercise& embedding_backward_exercise() {
  static const Exercise exercise{
      .lesson = "embedding_backward",
      .parameters = {{"ids", Role::ids}, {"dy", Role::array}, {"dweight", Role::adds}},
      .cases = embeddings::cases,
      .in_training = embeddings::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
