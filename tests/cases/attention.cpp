#include "kernels/attention/op.h"

#include <array>
#include <cmath>

#include "core/gradcheck.h"
#include "kernels/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

struct Qkv {
  Tensor q, k, v;
};

template <class T = float>
Qkv random_heads(test::Random& random, int64_t B, int64_t H, int64_t Tq, int64_t Tk, int64_t D) {
  return {Tensor::from(cpu(), random.normals<T>(B * H * Tq * D), {B, H, Tq, D}),
          Tensor::from(cpu(), random.normals<T>(B * H * Tk * D), {B, H, Tk, D}),
          Tensor::from(cpu(), random.normals<T>(B * H * Tk * D), {B, H, Tk, D})};
}

Tensor step_state(uint64_t seed) {
  const StepState state{.seed = seed, .step = 5, .micro_step = 2};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&state);
  return Tensor::from(cpu(), std::vector<uint8_t>(bytes, bytes + sizeof state), {sizeof state});
}

/// The part 0, 1 or 2 of a packed [B, T, 3C] as [B, H, T, D].
Tensor part_of(const Tensor& qkv, int64_t H, int64_t part) {
  const int64_t B = qkv.dim(0), T = qkv.dim(1), C = qkv.dim(2) / 3;
  return qkv.strided({B, H, T, C / H}, {T * 3 * C, C / H, 3 * C, 1}, part * C);
}

/// Copies rows of x [B, H, T, D] (contiguous) from row `from` on.
Tensor rows_from(const Tensor& x, int64_t from) { return x.narrowed(2, from, x.dim(2) - from); }

}  // namespace

TEST_CASE("attention: gradient of the packed form") {
  test::Random random("attention packed");
  const Tensor qkv = Tensor::from(cpu(), random.normals<double>(2 * 5 * 18), {2, 5, 18});
  for (const double dropout : {0.0, 0.4}) {
    const AttentionOptions options{.n_head = 2, .dropout = dropout, .step_state = step_state(3), .site = 4};
    const auto result =
        gradcheck([&](const std::vector<Tensor>& in) { return causal_attention(in[0], options); }, {qkv});
    INFO("dropout " << dropout << ": " << result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("attention: gradient of the general form, fewer queries than keys") {
  test::Random random("attention general");
  const Qkv x = random_heads<double>(random, 2, 2, 3, 7, 4);
  const auto result = gradcheck(
      [](const std::vector<Tensor>& in) { return causal_attention(in[0], in[1], in[2]); }, {x.q, x.k, x.v});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("attention: fused equals composed, with gradients") {
  test::Random random("attention composed");
  struct Sizes {
    int64_t B, H, Tq, Tk, D;
  };
  for (const auto& [B, H, Tq, Tk, D] : {Sizes{2, 3, 64, 64, 16},
                                        {1, 2, 75, 75, 9},
                                        {2, 2, 3, 66, 33},
                                        {1, 2, 4, 4, 3},
                                        {1, 2, 130, 192, 64}}) {
    for (const double dropout : {0.0, 0.2}) {
      INFO("B " << B << ", H " << H << ", Tq " << Tq << ", Tk " << Tk << ", D " << D << ", dropout "
                << dropout);
      const AttentionOptions options{.dropout = dropout, .step_state = step_state(random.bits()), .site = 9};
      const Tensor dy = Tensor::from(cpu(), random.normals(B * H * Tq * D), {B, H, Tq, D});
      const Qkv x = random_heads(random, B, H, Tq, Tk, D);
      const auto results = [&](const auto& attention) {
        Qkv leaf{x.q.detached(), x.k.detached(), x.v.detached()};
        for (Tensor* t : {&leaf.q, &leaf.k, &leaf.v}) require_grad(*t);
        Tape tape;
        const Tensor y = attention(leaf.q, leaf.k, leaf.v, options);
        tape.backward(y, dy);
        return std::array{y, grad_of(leaf.q), grad_of(leaf.k), grad_of(leaf.v)};
      };
      const auto fused = results([](auto&... a) { return causal_attention(a...); });
      const auto composed = results([](auto&... a) { return causal_attention_composed(a...); });
      for (size_t i = 0; i < fused.size(); ++i) {
        INFO((std::array{"y", "dq", "dk", "dv"}[i]));
        CHECK(test::close_by_norm(fused[i].doubles(), composed[i].doubles(), 3e-6));
      }
    }
  }
}

TEST_CASE("attention: the fixtures with as many key heads as query heads") {
  test::check_op_fixture(cpu(), "causal_attention", {"q", "k", "v"}, [](const auto& in, const auto& c) {
    const bool grouped = c.parameters.at("n_kv_head") != c.parameters.at("n_head");
    return grouped ? Tensor() : causal_attention(in[0], in[1], in[2]);
  });
}

TEST_CASE("attention: the fixtures with fewer key heads") {
  const auto fixture = test::op_fixture("causal_attention");
  if (!fixture) return;
  for (const auto& c : fixture->cases)
    if (c.parameters.at("n_kv_head") != c.parameters.at("n_head"))
      test::skip(c.name + " of causal_attention has grouped queries, which are not here yet");
}

TEST_CASE("attention: the first row attends only to itself") {
  test::Random random("attention first");
  const Qkv x = random_heads(random, 2, 3, 70, 70, 33);
  const Tensor y = causal_attention(x.q, x.k, x.v);
  CHECK(test::close_abs(y.narrowed(2, 0, 1).doubles(), x.v.narrowed(2, 0, 1).doubles(), 1e-6));
}

TEST_CASE("attention: later tokens change nothing, bit for bit") {
  test::Random random("attention future");
  for (const int64_t T : {5, 33, 64, 150}) {
    const int64_t B = 2, H = 3, D = 12, C = H * D, cut = random.integer(1, T - 1);
    INFO("T = " << T << ", changed from " << cut << " on");
    std::vector<float> values = random.normals(B * T * 3 * C);
    const Tensor before = causal_attention(Tensor::from(cpu(), values, {B, T, 3 * C}), {.n_head = H});
    for (int64_t b = 0; b < B; ++b)
      for (int64_t i = (b * T + cut) * 3 * C; i < (b + 1) * T * 3 * C; ++i)
        values[static_cast<size_t>(i)] = static_cast<float>(100 * random.normal());
    const Tensor after = causal_attention(Tensor::from(cpu(), values, {B, T, 3 * C}), {.n_head = H});
    CHECK(after.narrowed(1, 0, cut).values<float>() == before.narrowed(1, 0, cut).values<float>());
    CHECK(after.values<float>() != before.values<float>());
  }
}

TEST_CASE("attention: packed and general forms agree bit for bit, with gradients") {
  test::Random random("attention forms");
  const int64_t B = 2, T = 70, H = 3, D = 20, C = H * D;
  Tensor qkv = Tensor::from(cpu(), random.normals(B * T * 3 * C), {B, T, 3 * C});
  const Tensor dy = Tensor::from(cpu(), random.normals(B * T * C), {B, T, C});
  Tensor q = part_of(qkv, H, 0), k = part_of(qkv, H, 1), v = part_of(qkv, H, 2);
  for (Tensor* leaf : {&qkv, &q, &k, &v}) require_grad(*leaf);
  {
    Tape tape;
    const Tensor y = causal_attention(qkv, {.n_head = H});
    tape.backward(y, dy);
  }
  Tape tape;
  const Tensor y = causal_attention(q, k, v);
  const Tensor dy_heads = dy.viewed({B, T, H, D}).transposed(1, 2);
  tape.backward(y, Tensor::from(cpu(), dy_heads.values<float>(), {B, H, T, D}));
  const Tensor dqkv = grad_of(qkv);
  CHECK(grad_of(q).values<float>() == part_of(dqkv, H, 0).values<float>());
  CHECK(grad_of(k).values<float>() == part_of(dqkv, H, 1).values<float>());
  CHECK(grad_of(v).values<float>() == part_of(dqkv, H, 2).values<float>());
}

TEST_CASE("attention: the last queries alone equal the end of the full pass") {
  test::Random random("attention decode");
  for (const int64_t T : {1, 17, 64, 131}) {
    const Qkv x = random_heads(random, 2, 3, T, T, 40);
    const Tensor full = causal_attention(x.q, x.k, x.v);
    for (const int64_t first : {T - 1, T / 2}) {
      INFO("T = " << T << ", queries from " << first << " on");
      const Tensor y = causal_attention(rows_from(x.q, first), x.k, x.v);
      CHECK(test::close_by_norm(y.doubles(), rows_from(full, first).doubles(), 2e-6));
    }
  }
}

TEST_CASE("attention: keys that are minus infinity away have no part, wherever they stand") {
  const int64_t T = 80, D = 3;
  test::Random random("attention infinite");
  Qkv x = random_heads(random, 1, 1, T, T, D);
  std::vector<float> q(T * D, 1), k = x.k.values<float>();
  for (int64_t j = 0; j < T; ++j)
    if (j != 70) k[static_cast<size_t>(j * D)] = -INFINITY;
  const Tensor y =
      causal_attention(Tensor::from(cpu(), q, {1, 1, T, D}), Tensor::from(cpu(), k, {1, 1, T, D}), x.v);
  // From row 70 on the only finite score is that of key 70.
  std::vector<double> expected;
  for (int64_t i = 70; i < T; ++i)
    for (const double value : x.v.narrowed(2, 70, 1).doubles()) expected.push_back(value);
  CHECK(test::close_abs(rows_from(y, 70).doubles(), expected, 1e-6));
}

TEST_CASE("attention: dropout keeps the expectation and needs the step's state") {
  const int64_t T = 64, D = 8;
  test::Random random("attention dropout");
  const Qkv x = random_heads(random, 1, 2, T, T, D);
  const std::vector<double> plain = causal_attention(x.q, x.k, x.v).doubles();
  std::vector<double> mean(plain.size());
  constexpr int runs = 400;
  for (int run = 0; run < runs; ++run) {
    const Tensor y = causal_attention(
        x.q, x.k, x.v, {.dropout = 0.3, .step_state = step_state(static_cast<uint64_t>(run)), .site = 1});
    const std::vector<double> values = y.doubles();
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += values[i] / runs;
  }
  CHECK(test::close_by_norm(mean, plain, 0.15));
  CHECK_FALSE(test::close_by_norm(mean, plain, 1e-4));
  CHECK_THROWS_WITH(causal_attention(x.q, x.k, x.v, {.dropout = 0.3}), Catch::Contains("step_state"));
  CHECK_THROWS_WITH(causal_attention(x.q, x.k, x.v, {.dropout = 1}), Catch::Contains("[0, 1)"));
}

TEST_CASE("attention: shapes that do not fit are refused") {
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(cpu(), DType::f32, shape); };
  CHECK_THROWS_WITH(causal_attention(zeros({2, 3, 12}), {.n_head = 5}), Catch::Contains("[2, 3, 12]"));
  CHECK_THROWS_WITH(causal_attention(zeros({2, 3, 12}), {.n_head = 0}), Catch::Contains("n_head = 0"));
  CHECK_THROWS_WITH(causal_attention(zeros({1, 2, 5, 4}), zeros({1, 2, 3, 4}), zeros({1, 2, 3, 4})),
                    Catch::Contains("Tq <= Tk"));
  CHECK_THROWS_WITH(causal_attention(zeros({1, 2, 3, 4}), zeros({1, 1, 3, 4}), zeros({1, 1, 3, 4})),
                    Catch::Contains("[1, 1, 3, 4]"));
}

}  // namespace hewn
