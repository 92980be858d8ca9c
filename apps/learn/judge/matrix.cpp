#include "apps/learn/judge/matrix.h"

#include "core/error.h"
#include "kernels/devices/devices.h"

namespace hewn::cli::learn {

Matrix random_matrix(Rng& rng, int rows, int cols, double deviation) {
  Matrix m(rows, cols);
  for (double& v : m.values) v = deviation * rng.normal();
  return m;
}

double dot(const Matrix& a, const Matrix& b) {
  double sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

Tensor constant(const Matrix& m) { return Tensor::from(cpu(), m.values, Shape{m.rows, m.cols}); }

Tensor leaf(const Matrix& m, const std::string& name) {
  Tensor t = constant(m);
  require_grad(t, name);
  return t;
}

Tensor list_leaf(const Matrix& m, const std::string& name) {
  Tensor t = Tensor::from(cpu(), m.values, Shape{static_cast<int64_t>(m.values.size())});
  require_grad(t, name);
  return t;
}

Tensor tensor_of(const std::vector<int>& ids) {
  return Tensor::from(cpu(), std::vector<int32_t>(ids.begin(), ids.end()), Shape{std::ssize(ids)});
}

Matrix matrix_of(const Tensor& t) {
  if (t.rank() == 0) return {1, 1, t.doubles()};
  return {static_cast<int>(t.rows()), static_cast<int>(t.cols()), t.doubles()};
}

Matrix saved_in(const Node& node, std::string_view name) {
  for (const SavedField& field : node.saved())
    if (field.name == name) return matrix_of(field.value->get());
  fail(ErrorCode::failed, node.info().name, " keeps no ", name);
}

Matrix gradient_of(const Tensor& leaf) {
  const Tensor grad = grad_of(leaf);
  if (grad.defined()) return matrix_of(grad);
  Matrix zeros = matrix_of(leaf);
  zeros.values.assign(zeros.values.size(), 0.0);
  return zeros;
}

}  // namespace hewn::cli::learn
