// Compares attention on tensor cores with a plain implementation of the same roundings: operands,
// probabilities and results are bf16, everything else is exact.

#include <cmath>

#include "core/rng.h"
#include "kernels/attention/op.h"
#include "kernels/copy/op.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using Numbers = std::vector<double>;

double rounded(double x) { return static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(x)))); }
Numbers rounded(Numbers x) {
  for (double& value : x) value = rounded(value);
  return x;
}

/// One head, with operands [T, D] each.
struct Head {
  int64_t T, D;
  Numbers q, k, v, dy;
};
struct Results {
  Numbers y, dq, dk, dv;
};

/// The formulas in double. With `halves`, results are rounded to bf16, and so are probabilities and gradients
/// of scores before they are factors of a sum.
Results attend(const Head& h, bool halves) {
  const auto at = [&](int64_t t, int64_t d) { return static_cast<size_t>(t * h.D + d); };
  const auto factor = [&](double x) { return halves ? rounded(x) : x; };
  const double scale = 1 / std::sqrt(static_cast<double>(h.D));
  Results r{Numbers(h.q.size()), Numbers(h.q.size()), Numbers(h.q.size()), Numbers(h.q.size())};
  for (int64_t i = 0; i < h.T; ++i) {
    Numbers p, dp;
    double total = 0, delta = 0;
    for (int64_t j = 0; j <= i; ++j) {
      double s = 0, product = 0;
      for (int64_t d = 0; d < h.D; ++d) {
        s += h.q[at(i, d)] * h.k[at(j, d)];
        product += h.dy[at(i, d)] * h.v[at(j, d)];
      }
      p.push_back(std::exp(scale * s));
      dp.push_back(product);
      total += p.back();
    }
    for (int64_t j = 0; j <= i; ++j) {
      p[static_cast<size_t>(j)] /= total;
      for (int64_t d = 0; d < h.D; ++d) r.y[at(i, d)] += factor(p[static_cast<size_t>(j)]) * h.v[at(j, d)];
    }
    for (int64_t d = 0; d < h.D; ++d) delta += h.dy[at(i, d)] * factor(r.y[at(i, d)]);
    for (int64_t j = 0; j <= i; ++j) {
      const double pij = p[static_cast<size_t>(j)], ds = factor(pij * (dp[static_cast<size_t>(j)] - delta));
      for (int64_t d = 0; d < h.D; ++d) {
        r.dv[at(j, d)] += factor(pij) * h.dy[at(i, d)];
        r.dk[at(j, d)] += scale * ds * h.q[at(i, d)];
        r.dq[at(i, d)] += scale * ds * h.k[at(j, d)];
      }
    }
  }
  if (halves) r = {rounded(r.y), rounded(r.dq), rounded(r.dk), rounded(r.dv)};
  return r;
}

double error(const Numbers& x, const Numbers& truth) {
  double squares = 0, norm = 0;
  for (size_t i = 0; i < x.size(); ++i)
    squares += (x[i] - truth[i]) * (x[i] - truth[i]), norm += truth[i] * truth[i];
  return std::sqrt(squares / norm);
}

/// The result of the device.
Results on_device(Device& device, const Head& h) {
  const auto leaf = [&](const Numbers& x) {
    Tensor t = cast(cast(Tensor::from(device, x, {1, 1, h.T, h.D}), DType::f32), DType::bf16);
    require_grad(t);
    return t;
  };
  const Tensor q = leaf(h.q), k = leaf(h.k), v = leaf(h.v), dy = leaf(h.dy);
  Tape tape;
  const Tensor y = causal_attention(q, k, v);
  CHECK(y.dtype() == DType::bf16);
  tape.backward(y, dy.detached());
  return {y.doubles(), grad_of(q).doubles(), grad_of(k).doubles(), grad_of(v).doubles()};
}

}  // namespace

TEST_CASE("attention on tensor cores: the error is at most twice the unavoidable rounding") {
  const auto device = test::make_test_gpu();
  for (const auto& [T, D] : {std::pair<int64_t, int64_t>{150, 64}, {70, 128}, {45, 96}, {200, 32}}) {
    INFO(T << " positions, heads of " << D);
    Rng rng(test::run_seed(), static_cast<uint64_t>(D));
    const auto numbers = [&, n = static_cast<size_t>(T * D)] {
      Numbers x(n);
      for (double& value : x) value = rounded(rng.normal());
      return x;
    };
    const Head h{T, D, numbers(), numbers(), numbers(), numbers()};
    const Results truth = attend(h, false), plain = attend(h, true), got = on_device(*device, h);
    CHECK(error(got.y, truth.y) <= 2 * error(plain.y, truth.y));
    CHECK(error(got.dq, truth.dq) <= 2 * error(plain.dq, truth.dq));
    CHECK(error(got.dk, truth.dk) <= 2 * error(plain.dk, truth.dk));
    CHECK(error(got.dv, truth.dv) <= 2 * error(plain.dv, truth.dv));
  }
}

}  // namespace hewn
