// Chapter 1: the backward pass of a tape of products.

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/training.h"

namespace hewn::cli::learn {
namespace chain_rule {

/// A node: its operands, or -1 for a leaf.
struct Product {
  int left = -1, right = -1;
};

/// A tape of products over `elements` numbers each, all at once.
struct ProductTape {
  std::vector<Product> nodes;
  int elements;

  int size() const { return static_cast<int>(nodes.size()); }
  bool is_leaf(int n) const { return at(n).left < 0; }
  const Product& at(int n) const { return nodes[static_cast<size_t>(n)]; }

  /// The values of all nodes [nodes, elements], with these leaves.
  Matrix values(Matrix y) const {
    for (int n = 0; n < size(); ++n)
      for (int i = 0; i < elements && !is_leaf(n); ++i) y(n, i) = y(at(n).left, i) * y(at(n).right, i);
    return y;
  }
  /// The gradients of all nodes but the newest, whose gradient is dy [1, elements].
  Matrix gradients(const Matrix& y, const Matrix& dy) const {
    Matrix grad(size(), elements);
    for (int i = 0; i < elements; ++i) {
      grad(size() - 1, i) = dy(0, i);
      for (int n = size() - 1; n >= 0; --n) {
        if (is_leaf(n)) continue;
        grad(at(n).left, i) += grad(n, i) * y(at(n).right, i);
        grad(at(n).right, i) += grad(n, i) * y(at(n).left, i);
      }
      grad(size() - 1, i) = 0;
    }
    return grad;
  }
  /// dy times the newest value, where the values of older nodes are changed to those in `moved`.
  double loss(const Matrix& y, const Matrix& moved, const Matrix& dy) const {
    Matrix now = moved;
    double sum = 0;
    for (int i = 0; i < elements; ++i) {
      for (int n = 0; n < size(); ++n)
        if (!is_leaf(n))
          now(n, i) = now(at(n).left, i) * now(at(n).right, i) + (n < size() - 1 ? moved(n, i) - y(n, i) : 0);
      sum += dy(0, i) * now(size() - 1, i);
    }
    return sum;
  }
  Value operands(bool left) const {
    std::vector<int> ids;
    for (const Product& p : nodes) ids.push_back(left ? p.left : p.right);
    return ids_value(1, size(), ids);
  }
};

/// Leaves already hold the gradient of an earlier pass.
LessonCase case_of(std::string name, const ProductTape& tape, const Matrix& leaves, bool measured) {
  const Matrix y = tape.values(leaves), dy(1, tape.elements, 0.5);
  Value grad(tape.gradients(y, dy));
  grad.start = Matrix(tape.size(), tape.elements);
  for (int n = 0; n < tape.size(); ++n)
    for (int i = 0; i < tape.elements; ++i)
      grad.start(n, i) = n == tape.size() - 1 ? dy(0, i) : tape.is_leaf(n) ? 0.25 * (n + 1) : 0;
  LessonCase c{std::move(name), {tape.operands(true), tape.operands(false), y, std::move(grad)}};
  if (measured)
    c.slopes.push_back({3, y, [tape, y, dy](const Matrix& moved) { return tape.loss(y, moved, dy); }});
  return c;
}

std::vector<LessonCase> cases() {
  Rng rng(1);
  const auto random = [&](std::string name, const std::vector<Product>& nodes, int elements,
                          double size = 1) {
    const ProductTape tape{nodes, elements};
    return case_of(std::move(name), tape, random_matrix(rng, tape.size(), elements, size),
                   elements < 8 && nodes.size() > 1);
  };
  const Product leaf;
  std::vector<LessonCase> all{
      random("one product", {leaf, leaf, {0, 1}}, 3),
      random("a square", {leaf, {0, 0}}, 3),
      random("a product that is used twice", {leaf, leaf, {0, 1}, {2, 2}}, 3),
      random("a product that is used at two ages", {leaf, leaf, {0, 1}, {2, 0}, {2, 3}}, 2),
      random("one element", {leaf, leaf, {1, 0}, {2, 0}}, 1),
      random("no element", {leaf, leaf, {0, 1}}, 0),
      random("large values", {leaf, leaf, {0, 1}, {2, 2}}, 9, 1e6),
      random("a leaf alone", {leaf}, 2),
  };
  ProductTape squares{{leaf}, 1};
  for (int n = 0; n < 40; ++n) squares.nodes.push_back({n, n});
  all.push_back(case_of("forty squares, each of the previous one", squares, Matrix(41, 1, 1.0), false));
  return all;
}

/// The model's products: those of an activation, composed of simple operations.
void in_training(Lesson& lesson, Training& training) {
  const auto backward = [&](NodeAt& at) {
    const Matrix a = at.input(0), b = at.input(1), y = at.output(), dy = at.dy();
    if (a.values.size() != dy.values.size() || b.values.size() != dy.values.size()) return;  // broadcast
    const bool square = at.is_same(0, 1);
    const auto n = static_cast<int>(dy.values.size());
    const int last = square ? 1 : 2;
    const ProductTape tape = square ? ProductTape{{{}, {0, 0}}, n} : ProductTape{{{}, {}, {0, 1}}, n};
    Matrix values(last + 1, n);
    Value grad(Matrix(last + 1, n));
    grad.start = Matrix(last + 1, n);
    for (int i = 0; i < n; ++i) {
      const auto at_i = static_cast<size_t>(i);
      values(0, i) = a.values[at_i], values(last, i) = y.values[at_i], grad.start(last, i) = dy.values[at_i];
      if (!square) values(1, i) = b.values[at_i];
    }
    const Matrix result = lesson.run({tape.operands(true), tape.operands(false), values, grad})[0];
    const auto row = [&](int r) {
      return Matrix(1, n,
                    {result.values.begin() + int64_t{r} * n, result.values.begin() + int64_t{r + 1} * n});
    };
    at.contribute(0, row(0));
    at.contribute(1, square ? Matrix(1, n) : row(1));
  };
  training.run({"mul", backward}, true);
}

}  // namespace chain_rule

const Exercise& mul_backward_exercise() {
  static const Exercise exercise{
      .lesson = "mul_backward",
      .parameters = {{"left", Role::ids}, {"right", Role::ids}, {"y", Role::array}, {"grad", Role::adds}},
      .cases = chain_rule::cases,
      .when_endless =
          "look for a loop that never ends; a recursion that follows every path visits the oldest of forty "
          "squares 2^40 times: walk the tape once, from the newest node to the oldest",
      .in_training = chain_rule::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
