#include "kernels/matmul/op.h"

#include <algorithm>
#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {
namespace {

/// A batch dimension: its size and the step of each operand along it (0 where it broadcasts).
struct Axis {
  int64_t size, a, b, c;
};

int64_t step_of(const Tensor& t, int from_back) {
  if (from_back >= t.rank() || t.dim(-1 - from_back) == 1) return 0;
  return t.stride(-1 - from_back);
}

/// The batch dimensions, outermost first, adjacent ones merged where every operand allows it.
std::vector<Axis> batch_axes(const Tensor& a, const Tensor& b, const Tensor& c) {
  std::vector<Axis> axes;
  for (int d = std::max({a.rank(), b.rank(), c.rank()}) - 1; d >= 2; --d) {
    int64_t size = 1;
    for (const Tensor* t : {&a, &b, &c})
      if (d < t->rank()) size = std::max(size, t->dim(-1 - d));
    if (size == 1) continue;
    const Axis axis{size, step_of(a, d), step_of(b, d), step_of(c, d)};
    if (!axes.empty()) {
      Axis& outer = axes.back();
      if (outer.a == axis.a * size && outer.b == axis.b * size && outer.c == axis.c * size) {
        outer = {outer.size * size, axis.a, axis.b, axis.c};
        continue;
      }
    }
    axes.push_back(axis);
  }
  return axes;
}

/// The kernel's view of a matrix: whether it is transposed, and the distance between its dense rows.
struct Layout {
  bool trans;
  int64_t ld;
};

Layout layout_of(const char* what, const Tensor& t) {
  const int64_t row = t.stride(-2), col = t.stride(-1);
  if (col == 1 || t.dim(-1) == 1) {
    if (t.dim(-2) == 1 || row >= t.dim(-1)) return {false, std::max(row, t.dim(-1))};
  }
  require(row == 1 || t.dim(-2) == 1, "matmul: ", what, " of shape ", t.shape(), " has strides ", row,
          " and ", col, " in its last two dimensions; one of them must be 1, so call contiguous() first");
  return {true, std::max(col, t.dim(-2))};
}

/// Runs the kernel over two batch dimensions at a time. Dimensions along which C has step 0 are summed over:
/// their products run one after the other, each adding to the previous result.
void run_batch(Device& device, Matmul m, const std::vector<Axis>& axes, size_t first) {
  const auto summed = std::find_if(axes.begin() + static_cast<std::ptrdiff_t>(first), axes.end(),
                                   [](const Axis& axis) { return axis.c == 0; });
  const bool any_sum = summed != axes.end();
  if (!any_sum && axes.size() - first <= 2) {
    const auto set = [&m](const Axis& axis, int64_t& count, int64_t MatmulStep::*step) {
      count = axis.size;
      m.a_step.*step = axis.a, m.b_step.*step = axis.b, m.c_step.*step = axis.c;
    };
    if (axes.size() > first) set(axes.back(), m.inner, &MatmulStep::inner);
    if (axes.size() > first + 1) set(axes[first], m.outer, &MatmulStep::outer);
    return run_product(device, m);
  }
  std::vector<Axis> rest = axes;
  const size_t at = any_sum ? static_cast<size_t>(summed - axes.begin()) : first;
  const Axis axis = axes[at];
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
  const auto element = static_cast<int64_t>(size_of(m.dtype));
  const auto element_of_c = m.dtype == DType::bf16 && !m.bf16_c ? int64_t{4} : element;
  for (int64_t i = 0; i < axis.size; ++i) {
    run_batch(device, m, rest, first);
    m.a = static_cast<const char*>(m.a) + axis.a * element;
    m.b = static_cast<const char*>(m.b) + axis.b * element;
    m.c = static_cast<char*>(m.c) + axis.c * element_of_c;
    if (axis.c == 0) m.to_c = Write::add;
  }
}

constexpr OpInfo matmul_info{"matmul", "y_ij = sum_k a_ik b_kj", "da = dy b^T, db = a^T dy"};

struct MatmulNode final : Node {
  Saved a, b;  // after op()
  bool trans_a, trans_b;
  MatmulNode(const Tensor& left, const Tensor& right, bool ta, bool tb)
      : a(left), b(right), trans_a(ta), trans_b(tb) {}
  const OpInfo& info() const override { return matmul_info; }
  std::vector<SavedField> saved() const override { return {{"a", &a}, {"b", &b}}; }

  // The gradient of a transposed operand is the transposed gradient: (dy b^T)^T = b dy^T.
  void backward(const Tensor& dy, Grads& grads) override {
    if (grads.wants(0)) {
      const auto [da, write] = grads.at(0);
      if (trans_a)
        multiply(*b, dy.transposed(-1, -2), da, write);
      else
        multiply(dy, b->transposed(-1, -2), da, write);
    }
    if (grads.wants(1)) {
      const auto [db, write] = grads.at(1);
      if (trans_b)
        multiply(dy.transposed(-1, -2), *a, db, write);
      else
        multiply(a->transposed(-1, -2), dy, db, write);
    }
  }
};

}  // namespace

void run_product(Device& device, Matmul m) {
  const GpuRuntime* const gpu = executor(device).gpu();
  m.tf32 = gpu && gpu->tf32 && m.dtype == DType::f32;
  m.rows_apart = RowsApart::on();
  run(device, m);
}

Matmul product_of(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c) {
  const Layout la = layout_of("a", a), lb = layout_of("b", b), lc = layout_of("the result", c);
  require(!lc.trans, "matmul: the result of shape ", c.shape(), " must have contiguous rows");
  Matmul m{};
  require(a.dtype() == b.dtype() &&
              (a.dtype() == c.dtype() || (a.dtype() == DType::bf16 && c.dtype() == DType::f32)),
          "matmul: ", name_of(a.dtype()), " times ", name_of(b.dtype()), " into ", name_of(c.dtype()));
  m.dtype = a.dtype();
  m.bf16_c = c.dtype() == DType::bf16;
  m.M = c.dim(-2), m.N = c.dim(-1), m.K = a.dim(-1);
  m.trans_a = la.trans, m.trans_b = lb.trans;
  m.a = a.data(), m.b = b.data(), m.c = c.data();
  m.lda = la.ld, m.ldb = lb.ld, m.ldc = lc.ld;
  m.to_c = to_c;
  return m;
}

void multiply(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c, double alpha) {
  if (c.numel() == 0) return;
  Matmul m = product_of(a, b, c, to_c);
  m.alpha = alpha;
  std::vector<Axis> axes = batch_axes(a, b, c);
  if (!axes.empty()) {
    // The innermost batch dimension becomes additional rows if B is shared, additional terms if C is.
    const Axis axis = axes.back();
    if (axis.b == 0 && !m.trans_a && axis.a == m.M * m.lda && axis.c == m.M * m.ldc)
      m.M *= axis.size, axes.pop_back();
    else if (axis.c == 0 && m.trans_a && !m.trans_b && axis.a == m.K * m.lda && axis.b == m.K * m.ldb)
      m.K *= axis.size, axes.pop_back();
  }
  run_batch(c.device(), m, axes, 0);
}

// y = a b: dy_ij depends on a_ik through b_kj, so da_ik = sum_j dy_ij b_kj = (dy b^T)_ik; likewise db = a^T
// dy. Where an operand was broadcast, its gradient is the sum over the copies.
Tensor matmul(const Tensor& a, const Tensor& b, bool trans_a, bool trans_b) {
  const InOp op(matmul_info);
  require(a.rank() >= 2 && b.rank() >= 2, "matmul: a is ", a.shape(), " and b ", b.shape(),
          "; expected at least two dimensions for both");
  require(a.dtype() == b.dtype() && (a.dtype() == DType::f32 || a.dtype() == DType::f64), "matmul: a is ",
          name_of(a.dtype()), " and b ", name_of(b.dtype()), "; expected f32 for both, or f64 for both");
  const Tensor left = trans_a ? a.transposed(-1, -2) : a, right = trans_b ? b.transposed(-1, -2) : b;
  require(left.dim(-1) == right.dim(-2), "matmul: ", left.shape(), " times ", right.shape(),
          (trans_a || trans_b) ? " (after transposing)" : "", ": the inner sizes ", left.dim(-1), " and ",
          right.dim(-2), " differ");
  const auto batch = [](const Tensor& t) {
    return Shape(t.shape().sizes().subspan(0, static_cast<size_t>(t.rank() - 2)));
  };
  Shape shape = broadcast(batch(a), batch(b));
  shape = shape.inserted(shape.rank(), left.dim(-2));
  shape = shape.inserted(shape.rank(), right.dim(-1));
  Tensor y = a.like(shape);
  multiply(left, right, y, Write::set);
  return record(y, {a, b}, MatmulNode(left, right, trans_a, trans_b));
}

}  // namespace hewn
