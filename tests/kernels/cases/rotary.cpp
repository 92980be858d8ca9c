#include "kernels/rotary/op.h"

#include <cmath>

#include "core/gradcheck.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

constexpr RotaryPairs both[] = {RotaryPairs::half, RotaryPairs::interleaved};

template <class T = float>
Tensor random_rows(test::Random& random, int64_t B, int64_t H, int64_t T_, int64_t D) {
  return Tensor::from(cpu(), random.normals<T>(B * H * T_ * D), {B, H, T_, D});
}

/// `rotary` of a contiguous x, composed of simple operations: slice into halves, multiply, concatenate.
Tensor rotary_composed(const Tensor& x, const RotaryOptions& options) {
  const int64_t B = x.dim(0), H = x.dim(1), T = x.dim(2), D = x.dim(3);
  const bool half = options.pairs == RotaryPairs::half;
  std::vector<double> cosines, sines;
  for (int64_t t = 0; t < T; ++t)
    for (int64_t i = 0; i < D / 2; ++i) {
      const double frequency = std::pow(options.base, -2 * static_cast<double>(i) / static_cast<double>(D));
      const double angle = static_cast<double>(options.start + t) * frequency;
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  // Pairs as columns [2, D / 2] or as rows [D / 2, 2].
  const int dim = half ? 3 : 4;
  const auto table = [&](const std::vector<double>& values) {
    const Shape shape = half ? Shape{T, 1, D / 2} : Shape{T, D / 2, 1};
    return cast(Tensor::from(x.device(), values, shape), x.dtype());
  };
  const Tensor cosine = table(cosines), sine = table(sines);
  const Tensor pairs = half ? reshape(x, {B, H, T, 2, D / 2}) : reshape(x, {B, H, T, D / 2, 2});
  const Tensor x1 = contiguous(slice(pairs, dim, 0, 1)), x2 = contiguous(slice(pairs, dim, 1, 1));
  const Tensor y1 = sub(mul(x1, cosine), mul(x2, sine)), y2 = add(mul(x2, cosine), mul(x1, sine));
  return reshape(concat({y1, y2}, dim), {B, H, T, D});
}

}  // namespace

TEST_CASE("rotary: gradients") {
  test::Random random("rotary");
  const Tensor x = random_rows<double>(random, 2, 2, 3, 6);
  const Tensor packed = Tensor::from(cpu(), random.normals<double>(2 * 3 * 16), {2, 3, 16});
  for (const RotaryPairs pairs : both) {
    const RotaryOptions options{.pairs = pairs, .base = 100, .start = 4};
    const auto general =
        gradcheck([&](const std::vector<Tensor>& in) { return rotary(in[0], options); }, {x});
    const auto of_packed = gradcheck(
        [&](const std::vector<Tensor>& in) { return rotary_packed(in[0], 4, 3, options); }, {packed});
    INFO(general.worst << "; " << of_packed.worst);
    CHECK(general.below(1e-8));
    CHECK(of_packed.below(1e-8));
  }
}

TEST_CASE("rotary: fixtures") {
  for (const RotaryPairs pairs : both)
    test::check_op_fixture(cpu(), pairs == RotaryPairs::half ? "rope_half" : "rope_interleaved", {"x"},
                           [&](const auto& in, const auto& c) {
                             return rotary(in[0], {.pairs = pairs,
                                                   .base = c.parameters.at("theta"),
                                                   .start = static_cast<int64_t>(c.parameters.at("start"))});
                           });
}

TEST_CASE("rotary: fused equals composed, with gradients") {
  test::Random random("rotary composed");
  for (const RotaryPairs pairs : both)
    for (const int64_t D : {2, 10, 64}) {
      const RotaryOptions options{.pairs = pairs, .base = 5e5, .start = 7};
      const Tensor x = random_rows(random, 2, 3, 19, D), dy = random_rows(random, 2, 3, 19, D);
      const auto results = [&](const auto& op) {
        Tensor leaf = x.detached();
        require_grad(leaf);
        Tape tape;
        const Tensor y = op(leaf, options);
        tape.backward(y, dy);
        return std::pair{y.doubles(), grad_of(leaf).doubles()};
      };
      const auto [y, dx] = results([](auto&... a) { return rotary(a...); });
      const auto [y2, dx2] = results([](auto&... a) { return rotary_composed(a...); });
      CHECK(test::close_by_norm(y, y2, 3e-7));
      CHECK(test::close_by_norm(dx, dx2, 3e-7));
    }
}

TEST_CASE("rotary: far positions are as accurate as near ones") {
  const int64_t T = 40, D = 32, start = 1000000;
  const Tensor ones = Tensor::from(cpu(), std::vector<float>(T * D, 1), {1, 1, T, D});
  const Tensor wide = Tensor::from(cpu(), std::vector<double>(T * D, 1), {1, 1, T, D});
  for (const RotaryPairs pairs : both) {
    const RotaryOptions options{.pairs = pairs, .start = start};
    CHECK(test::close_abs(rotary(ones, options).doubles(), rotary(wide, options).doubles(), 3e-7));
  }
}

TEST_CASE("rotary: scores depend only on the distance, position 0 is the identity") {
  test::Random random("rotary distance");
  const Tensor q = random_rows<double>(random, 1, 1, 1, 16), k = random_rows<double>(random, 1, 1, 1, 16);
  for (const RotaryPairs pairs : both) {
    const auto score = [&](int64_t i, int64_t j) {
      const auto a = rotary(q, {.pairs = pairs, .start = i}).doubles();
      const auto b = rotary(k, {.pairs = pairs, .start = j}).doubles();
      double sum = 0;
      for (size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
      return sum;
    };
    CHECK(std::abs(score(9, 4) - score(105, 100)) < 1e-12);
    CHECK(std::abs(score(9, 4) - score(9, 5)) > 1e-6);
    CHECK(rotary(q, {.pairs = pairs}).doubles() == q.doubles());
  }
}

TEST_CASE("rotary: one position at a time equals all positions, packed equals general") {
  test::Random random("rotary decode");
  const int64_t B = 2, T = 37, H = 5, rotated = 3, D = 12;
  const Tensor packed = Tensor::from(cpu(), random.normals(B * T * H * D), {B, T, H * D});
  const Tensor x = packed.viewed({B, T, H, D}).transposed(1, 2);
  for (const RotaryPairs pairs : both) {
    const Tensor all = rotary(x, {.pairs = pairs, .start = 3});
    for (const int64_t t : {0, 15, 16, 36}) {
      const Tensor one = rotary(x.sliced(2, t, 1), {.pairs = pairs, .start = 3 + t});
      CHECK(test::close_abs(one.doubles(), all.sliced(2, t, 1).doubles(), 1e-6));
    }
    const Tensor y = rotary_packed(packed, H, rotated, {.pairs = pairs, .start = 3});
    const Tensor heads = y.viewed({B, T, H, D}).transposed(1, 2);
    CHECK(heads.sliced(1, 0, rotated).doubles() == all.sliced(1, 0, rotated).doubles());
    CHECK(heads.sliced(1, rotated, H - rotated).doubles() == x.sliced(1, rotated, H - rotated).doubles());
  }
}

TEST_CASE("rotary: wrong shapes are refused") {
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(cpu(), DType::f32, shape); };
  CHECK_THROWS_WITH(rotary(zeros({1, 2, 3, 5})), Catch::Contains("even D"));
  CHECK_THROWS_WITH(rotary(zeros({1, 2, 3, 4}), {.base = 0}), Catch::Contains("base = 0"));
  CHECK_THROWS_WITH(rotary(zeros({1, 2, 3, 4}), {.start = -1}), Catch::Contains("start = -1"));
  CHECK_THROWS_WITH(rotary(Tensor::zeros(cpu(), DType::i64, {1, 2, 3, 4})), Catch::Contains("i64"));
  CHECK_THROWS_WITH(rotary_packed(zeros({1, 2, 12}), 4, 2), Catch::Contains("n_head = 4"));
}

}  // namespace hewn
