#include "kernels/recurrent/op.h"

#include <cmath>
#include <functional>

#include "core/gradcheck.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// Step t of [T, B, n], with a gradient.
Tensor step_of(const Tensor& all, int64_t t) {
  return reshape(contiguous(slice(all, 0, t, 1)), {all.dim(1), all.dim(2)});
}

Tensor stacked(const std::vector<Tensor>& steps) {
  std::vector<Tensor> parts;
  for (const Tensor& step : steps) parts.push_back(reshape(step, {1, step.dim(0), step.dim(1)}));
  return concat(parts, 0);
}

// The operations composed of simple ones, beginning with zeros.

Tensor rnn_composed(const Tensor& x, const Tensor& weight) {
  std::vector<Tensor> h;
  for (int64_t t = 0; t < x.dim(0); ++t)
    h.push_back(tanh(t > 0 ? add(step_of(x, t), matmul(h.back(), weight)) : step_of(x, t)));
  return stacked(h);
}

Tensor lstm_composed(const Tensor& x, const Tensor& weight) {
  const int64_t H = weight.dim(0);
  std::vector<Tensor> h;
  Tensor c;
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const Tensor u = t > 0 ? add(step_of(x, t), matmul(h.back(), weight)) : step_of(x, t);
    const auto gate = [&](int64_t n) { return contiguous(slice(u, 1, n * H, H)); };
    const Tensor fresh = mul(sigmoid(gate(0)), tanh(gate(2)));
    c = t > 0 ? add(mul(sigmoid(gate(1)), c), fresh) : fresh;
    h.push_back(mul(sigmoid(gate(3)), tanh(c)));
  }
  return stacked(h);
}

/// A recurrent operation, its composed twin, and its gates.
struct Cell {
  const char* name;
  Tensor (*op)(const Tensor&, const Tensor&, RecurrentState*);
  Tensor (*composed)(const Tensor&, const Tensor&);
  int64_t gates;
};
constexpr Cell cells[] = {{"rnn", rnn, rnn_composed, 1}, {"lstm", lstm, lstm_composed, 4}};

/// x [T, B, gates H] and the weight [H, gates H], of the size that initialisation gives it: with entries of 1, a step
/// would amplify differences, and those of the quotient of a gradient check with them.
std::vector<Tensor> inputs(const Cell& cell, int64_t T, int64_t B, int64_t H, DType dtype = DType::f64) {
  test::Random random(cell.name);
  const auto normals = [&](const Shape& shape, double deviation) {
    std::vector<double> values = random.normals<double>(shape.numel());
    for (double& value : values) value *= deviation;
    return as_type(Tensor::from(cpu(), values, shape), dtype);
  };
  return {normals({T, B, cell.gates * H}, 1),
          normals({H, cell.gates * H}, 1 / std::sqrt(static_cast<double>(H)))};
}

struct Result {
  std::vector<double> h, dx, dw;
};
template <class Op>
Result forward_backward(const Op& op, const std::vector<Tensor>& in, const Tensor& dh) {
  Tensor x = in[0].detached(), w = in[1].detached();
  require_grad(x);
  require_grad(w);
  Tape tape;
  const Tensor h = op(x, w);
  tape.backward(h, as_type(dh, h.dtype()));
  return {h.doubles(), grad_of(x).doubles(), grad_of(w).doubles()};
}

/// Values that a script in another language can write down as easily.
std::vector<double> series(int64_t n, int64_t factor, int64_t modulus, int64_t middle) {
  std::vector<double> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(static_cast<double>(factor * i % modulus - middle) / 4);
  return all;
}

}  // namespace

TEST_CASE("recurrent: gradients of one and more steps, also of one input only") {
  constexpr double bound = 1e-7;  // the slopes themselves are wrong by 1e-8 where six steps bend much
  for (const Cell& cell : cells)
    for (const int64_t T : {1, 2, 6}) {
      INFO(cell.name << ", " << T << " steps");
      const std::vector<Tensor> in = inputs(cell, T, 3, 4);
      const auto both = gradcheck([&](const auto& t) { return cell.op(t[0], t[1], nullptr); }, in);
      INFO(both.worst);
      CHECK(both.below(bound));
      CHECK(gradcheck([&](const auto& t) { return cell.op(t[0], in[1], nullptr); }, {in[0]}).below(bound));
      CHECK(gradcheck([&](const auto& t) { return cell.op(in[0], t[0], nullptr); }, {in[1]}).below(bound));
      // Gradients that are added to those of another use.
      CHECK(gradcheck(
                [&](const auto& t) {
                  return cell.op(cell.gates == 1 ? cell.op(t[0], t[1], nullptr) : t[0], t[1], nullptr);
                },
                in)
                .below(bound));
    }
}

TEST_CASE("recurrent: fused equals composed, values and gradients") {
  for (const Cell& cell : cells)
    for (const DType dtype : {DType::f64, DType::f32}) {
      INFO(cell.name << " " << name_of(dtype));
      const std::vector<Tensor> in = inputs(cell, 7, 5, 19, dtype);
      test::Random random("dh");
      const Tensor dh = Tensor::from(cpu(), random.normals<double>(7 * 5 * 19), {7, 5, 19});
      const Result fused =
          forward_backward([&](const Tensor& x, const Tensor& w) { return cell.op(x, w, nullptr); }, in, dh);
      const Result composed = forward_backward(cell.composed, in, dh);
      const double tolerance = dtype == DType::f64 ? 1e-12 : 1e-5;
      CHECK(test::close_by_norm(fused.h, composed.h, tolerance));
      CHECK(test::close_by_norm(fused.dx, composed.dx, tolerance));
      CHECK(test::close_by_norm(fused.dw, composed.dw, tolerance));
    }
}

// Computed by the formulas of op.h in plain Python.
TEST_CASE("recurrent: independently known values") {
  const std::vector<double> of_rnn{-0.8482836399575129, 0.46211715726000974, -0.46211715726000974,
                                   0.8482836399575129,  0.7095180828689123,  -0.8864705653650796,
                                   0.873245513497434,   -0.5751604320526804, -0.9107898480450616,
                                   0.9134539542830584,  -0.7186919055603194, -0.4821617677715118};
  const std::vector<double> of_lstm{0.03983494023874412,   -0.18798350003692318,  0.09611039173416103,
                                    -0.17087057736308991,  0.05155197476348719,   -0.1365149141840713,
                                    0.09403179032343618,   -0.023614884727181706, 0.15348198910989264,
                                    -0.011353723175328756, -0.06264591220167688,  0.0906897457351029};
  for (const Cell& cell : cells) {
    const Tensor x = Tensor::from(cpu(), series(12 * cell.gates, 7, 11, 5), {3, 2, 2 * cell.gates});
    const Tensor w = Tensor::from(cpu(), series(4 * cell.gates, 5, 7, 3), {2, 2 * cell.gates});
    CHECK(test::close_abs(cell.op(x, w, nullptr).doubles(), cell.gates == 1 ? of_rnn : of_lstm, 1e-14));
  }
}

TEST_CASE("recurrent: pieces with a state equal the whole") {
  for (const Cell& cell : cells) {
    INFO(cell.name);
    const std::vector<Tensor> in = inputs(cell, 7, 3, 5);
    RecurrentState state{Tensor::zeros(cpu(), DType::f64, {3, 5}), Tensor::zeros(cpu(), DType::f64, {3, 5})};
    std::vector<double> pieces;
    int64_t first = 0;
    for (const int64_t n : {1, 3, 1, 2}) {
      const std::vector<double> h = cell.op(contiguous(in[0].sliced(0, first, n)), in[1], &state).doubles();
      pieces.insert(pieces.end(), h.begin(), h.end());
      first += n;
    }
    CHECK(test::close_abs(pieces, cell.op(in[0], in[1], nullptr).doubles(), 1e-14));
  }
}

TEST_CASE("recurrent: two launches per step, forward and backward") {
  struct Counter final : Profiler {
    int64_t launches = 0;
    void launched(const char*, const char*, const Cost&) override { ++launches; }
  } counter;
  Executor& device = executor(cpu());
  for (const Cell& cell : cells) {
    INFO(cell.name);
    const int64_t T = 9;
    std::vector<Tensor> in = inputs(cell, T, 2, 8, DType::f32);
    for (Tensor& t : in) require_grad(t);
    Tape tape;
    device.profile(&counter);
    counter.launches = 0;
    const Tensor h = cell.op(in[0], in[1], nullptr);
    CHECK(counter.launches == 2 * T - 1);  // the first step has no h before it
    counter.launches = 0;
    tape.backward(h, h.detached());
    CHECK(counter.launches == 2 * T - 1 + 1);  // and one product for the weight's gradient
    counter.launches = 0;
    (void)cell.composed(in[0].detached(), in[1].detached());
    CHECK(counter.launches >= (cell.gates == 1 ? 3 : 15) * (T - 1));  // why there is an operation of its own
    device.profile(nullptr);
  }
}

TEST_CASE("recurrent: refuses wrong operands") {
  for (const Cell& cell : cells) {
    std::vector<Tensor> in = inputs(cell, 2, 3, 4);
    const auto call = [&](const Tensor& x, const Tensor& w, RecurrentState* state = nullptr) {
      return cell.op(x, w, state);
    };
    CHECK_THROWS_WITH(call(in[0].viewed({6, 4 * cell.gates}), in[1]), Catch::Contains("[T, B, "));
    CHECK_THROWS_WITH(call(in[0].transposed(0, 1), in[1]), Catch::Contains("contiguous"));
    CHECK_THROWS_WITH(call(as_type(in[0], DType::bf16), in[1]), Catch::Contains("f32 or f64"));
    CHECK_THROWS_WITH(call(in[0], as_type(in[1], DType::f32)), Catch::Contains("the weight is f32"));
    CHECK_THROWS_WITH(call(in[0], Tensor::zeros(cpu(), DType::f64, {4, 3})),
                      Catch::Contains("the weight is"));
    RecurrentState state{Tensor::zeros(cpu(), DType::f64, {3, 4}), Tensor::zeros(cpu(), DType::f64, {3, 4})};
    RecurrentState narrow{Tensor::zeros(cpu(), DType::f64, {3, 3}), state.c};
    CHECK_THROWS_WITH(call(in[0], in[1], &narrow), Catch::Contains("state must be"));
    require_grad(in[1]);
    const Tape tape;
    CHECK_THROWS_WITH(call(in[0], in[1], &state), Catch::Contains("cannot be recorded"));
  }
}

}  // namespace hewn
