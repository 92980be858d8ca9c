#pragma once
// Matrices in double precision, for the cases of exercises, and their conversion to and from tensors.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "core/tape.h"

namespace hewn::cli::learn {

/// Row-major. A list has one row.
struct Matrix {
  int rows = 0, cols = 0;
  std::vector<double> values;

  Matrix() = default;
  Matrix(int r, int c, double fill = 0)
      : rows(r), cols(c), values(static_cast<size_t>(r) * static_cast<size_t>(c), fill) {}
  Matrix(int r, int c, std::vector<double> v) : rows(r), cols(c), values(std::move(v)) {}
  double& operator()(int r, int c) { return values[at(r, c)]; }
  double operator()(int r, int c) const { return values[at(r, c)]; }

 private:
  size_t at(int r, int c) const {
    return static_cast<size_t>(r) * static_cast<size_t>(cols) + static_cast<size_t>(c);
  }
};

/// Normally distributed values.
Matrix random_matrix(Rng& rng, int rows, int cols, double deviation = 1);
/// The sum of the products of their elements; both have the same shape.
double dot(const Matrix& a, const Matrix& b);

/// A float64 tensor [rows, cols] on the CPU; a leaf of the tape requires a gradient. A list becomes [cols].
Tensor constant(const Matrix& m);
Tensor leaf(const Matrix& m, const std::string& name);
Tensor list_leaf(const Matrix& m, const std::string& name);
/// Ids as an i32 tensor of one dimension.
Tensor tensor_of(const std::vector<int>& ids);
/// The values of a tensor with all leading dimensions as rows; a scalar is 1 x 1.
Matrix matrix_of(const Tensor& t);
/// The value that a node's forward pass saved under this name. Throws ErrorCode::failed if there is none.
Matrix saved_in(const Node& node, std::string_view name);
/// The gradient that a backward pass left in a leaf; zeros if none arrived.
Matrix gradient_of(const Tensor& leaf);

}  // namespace hewn::cli::learn
