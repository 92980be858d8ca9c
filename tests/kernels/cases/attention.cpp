#include "kernels/attention/op.h"

#include <array>
#include <cmath>

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
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

/// Hkv = 0 means H.
template <class T = float>
Qkv random_heads(test::Random& random, int64_t B, int64_t H, int64_t Tq, int64_t Tk, int64_t D,
                 int64_t Hkv = 0) {
  if (Hkv == 0) Hkv = H;
  return {Tensor::from(cpu(), random.normals<T>(B * H * Tq * D), {B, H, Tq, D}),
          Tensor::from(cpu(), random.normals<T>(B * Hkv * Tk * D), {B, Hkv, Tk, D}),
          Tensor::from(cpu(), random.normals<T>(B * Hkv * Tk * D), {B, Hkv, Tk, D})};
}

Tensor step_state(uint64_t seed) {
  const StepState state{.seed = seed, .step = 5, .micro_step = 2};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&state);
  return Tensor::from(cpu(), std::vector<uint8_t>(bytes, bytes + sizeof state), {sizeof state});
}

/// Heads [first, first + n) of a packed [B, T, heads D] as [B, n, T, D].
Tensor heads_of(const Tensor& qkv, int64_t D, int64_t first, int64_t n) {
  const int64_t B = qkv.dim(0), T = qkv.dim(1), row = qkv.dim(2);
  return qkv.strided({B, n, T, D}, {T * row, D, row, 1}, first * D);
}

/// Copies rows of x [B, H, T, D] (contiguous) from row `from` on.
Tensor rows_from(const Tensor& x, int64_t from) { return x.sliced(2, from, x.dim(2) - from); }

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

TEST_CASE("attention: gradient with grouped queries and a window") {
  test::Random random("attention grouped");
  const Tensor qkv = Tensor::from(cpu(), random.normals<double>(2 * 6 * 24), {2, 6, 24});
  const Qkv x = random_heads<double>(random, 1, 6, 4, 9, 3, 2);
  for (const double dropout : {0.0, 0.4}) {
    AttentionOptions options{
        .n_head = 4, .n_kv_head = 2, .window = 3, .dropout = dropout, .step_state = step_state(8), .site = 4};
    const auto packed =
        gradcheck([&](const std::vector<Tensor>& in) { return causal_attention(in[0], options); }, {qkv});
    const auto general = gradcheck(
        [&](const std::vector<Tensor>& in) { return causal_attention(in[0], in[1], in[2], options); },
        {x.q, x.k, x.v});
    INFO("dropout " << dropout << ": " << packed.worst << "; " << general.worst);
    CHECK(packed.below(1e-8));
    CHECK(general.below(1e-8));
  }
}

TEST_CASE("attention: fused equals composed, with gradients") {
  test::Random random("attention composed");
  struct Sizes {
    int64_t B, H, Tq, Tk, D, Hkv, window;
  };
  for (const auto& [B, H, Tq, Tk, D, Hkv, window] : {Sizes{2, 3, 64, 64, 16, 3, 0},
                                                     {1, 2, 75, 75, 9, 2, 0},
                                                     {2, 2, 3, 66, 33, 2, 0},
                                                     {1, 2, 4, 4, 3, 2, 0},
                                                     {1, 2, 130, 192, 64, 2, 0},
                                                     {2, 6, 70, 70, 16, 2, 0},
                                                     {1, 4, 1, 40, 8, 1, 0},
                                                     {1, 2, 100, 100, 12, 2, 17},
                                                     {2, 4, 150, 201, 10, 2, 100},
                                                     {1, 2, 40, 40, 8, 1, 2}}) {
    for (const double dropout : {0.0, 0.2}) {
      INFO("B " << B << ", H " << H << ", Tq " << Tq << ", Tk " << Tk << ", D " << D << ", Hkv " << Hkv
                << ", window " << window << ", dropout " << dropout);
      const AttentionOptions options{
          .window = window, .dropout = dropout, .step_state = step_state(random.bits()), .site = 9};
      const Tensor dy = Tensor::from(cpu(), random.normals(B * H * Tq * D), {B, H, Tq, D});
      const Qkv x = random_heads(random, B, H, Tq, Tk, D, Hkv);
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

TEST_CASE("attention: fixtures") {
  test::check_op_fixture(cpu(), "causal_attention", {"q", "k", "v"},
                         [](const auto& in, const auto&) { return causal_attention(in[0], in[1], in[2]); });
}

TEST_CASE("attention: keys outside the window have no effect, bit for bit") {
  test::Random random("attention window");
  for (const int64_t window : {1, 20, 64, 90}) {
    const int64_t T = 150, at = random.integer(0, T - window - 1);  // the last query that sees key `at`
    INFO("window " << window << ", key " << at);
    const Qkv x = random_heads(random, 1, 2, T, T, 12);
    std::vector<float> k = x.k.values<float>(), v = x.v.values<float>();
    for (int64_t i = 0; i < 2 * T * 12; ++i) {
      if (i / 12 % T != at) continue;
      k[static_cast<size_t>(i)] = static_cast<float>(10 * random.normal());
      v[static_cast<size_t>(i)] = static_cast<float>(10 * random.normal());
    }
    const Tensor y = causal_attention(x.q, x.k, x.v, {.window = window});
    const Tensor changed = causal_attention(x.q, Tensor::from(cpu(), k, x.k.shape()),
                                            Tensor::from(cpu(), v, x.v.shape()), {.window = window});
    CHECK(rows_from(y, at + window).values<float>() == rows_from(changed, at + window).values<float>());
    CHECK(y.sliced(2, at + window - 1, 1).values<float>() !=
          changed.sliced(2, at + window - 1, 1).values<float>());
  }
}

TEST_CASE("attention: the first row attends only to itself") {
  test::Random random("attention first");
  const Qkv x = random_heads(random, 2, 3, 70, 70, 33);
  const Tensor y = causal_attention(x.q, x.k, x.v);
  CHECK(test::close_abs(y.sliced(2, 0, 1).doubles(), x.v.sliced(2, 0, 1).doubles(), 1e-6));
}

TEST_CASE("attention: later tokens have no effect, bit for bit") {
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
    CHECK(after.sliced(1, 0, cut).values<float>() == before.sliced(1, 0, cut).values<float>());
    CHECK(after.values<float>() != before.values<float>());
  }
}

TEST_CASE("attention: packed and general forms agree bit for bit, with gradients") {
  test::Random random("attention forms");
  const int64_t B = 2, T = 70, H = 6, D = 20, C = H * D;
  for (const int64_t Hkv : {1, 2, 6}) {
    const int64_t row = (H + 2 * Hkv) * D;
    Tensor qkv = Tensor::from(cpu(), random.normals(B * T * row), {B, T, row});
    const Tensor dy = Tensor::from(cpu(), random.normals(B * T * C), {B, T, C});
    Tensor q = heads_of(qkv, D, 0, H), k = heads_of(qkv, D, H, Hkv), v = heads_of(qkv, D, H + Hkv, Hkv);
    for (Tensor* leaf : {&qkv, &q, &k, &v}) require_grad(*leaf);
    {
      Tape tape;
      const Tensor y = causal_attention(qkv, {.n_head = H, .n_kv_head = Hkv, .window = 50});
      tape.backward(y, dy);
    }
    Tape tape;
    const Tensor y = causal_attention(q, k, v, {.window = 50});
    const Tensor dy_heads = dy.viewed({B, T, H, D}).transposed(1, 2);
    tape.backward(y, Tensor::from(cpu(), dy_heads.values<float>(), {B, H, T, D}));
    const Tensor dqkv = grad_of(qkv);
    CHECK(grad_of(q).values<float>() == heads_of(dqkv, D, 0, H).values<float>());
    CHECK(grad_of(k).values<float>() == heads_of(dqkv, D, H, Hkv).values<float>());
    CHECK(grad_of(v).values<float>() == heads_of(dqkv, D, H + Hkv, Hkv).values<float>());
  }
}

TEST_CASE("attention: only the last queries equal the end of the full pass") {
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

TEST_CASE("attention: keys with a score of minus infinity have no effect, wherever they are") {
  const int64_t T = 80, D = 3;
  test::Random random("attention infinite");
  Qkv x = random_heads(random, 1, 1, T, T, D);
  std::vector<float> q(T * D, 1), k = x.k.values<float>();
  for (int64_t j = 0; j < T; ++j)
    if (j != 70) k[static_cast<size_t>(j * D)] = -INFINITY;
  const Tensor y =
      causal_attention(Tensor::from(cpu(), q, {1, 1, T, D}), Tensor::from(cpu(), k, {1, 1, T, D}), x.v);
  // From row 70 on, the score of key 70 is the only finite one.
  std::vector<double> expected;
  for (int64_t i = 70; i < T; ++i)
    for (const double value : x.v.sliced(2, 70, 1).doubles()) expected.push_back(value);
  CHECK(test::close_abs(rows_from(y, 70).doubles(), expected, 1e-6));
}

TEST_CASE("attention: dropout preserves the expectation and requires the step's state") {
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
  CHECK_THROWS_WITH(causal_attention(x.q, x.k, x.v, {.dropout = 1}), Catch::Contains("0 to less than 1"));
}

TEST_CASE("attention: memory grows with T, not with its square") {
  // The pool's arithmetic is the same on meta; on the CPU, the memory must also suffice.
  const auto pass = [](Executor& device, const Tensor& qkv, int64_t H) {
    Tensor leaf = qkv.detached();
    require_grad(leaf);
    const Tensor dy = Tensor::zeros(device, DType::f32, {qkv.dim(0), qkv.dim(1), qkv.dim(2) / 3});
    device.pool().reset_peak();
    Tape tape;
    const Tensor y = causal_attention(leaf, {.n_head = H});
    tape.backward(y, dy);
    return y;
  };
  const auto planned = [&](int64_t T, int64_t H, int64_t D) {
    const auto meta = make_meta(2, best_isa());
    pass(*meta, Tensor::zeros(*meta, DType::f32, {1, T, 3 * H * D}), H);
    return meta->pool().stats().peak;
  };
  for (const int64_t T : {1024, 4096, 16384})
    CHECK(static_cast<double>(planned(2 * T, 12, 64)) < 2.01 * static_cast<double>(planned(T, 12, 64)));

  const int64_t T = 16384, D = 16;
  test::Random random("attention long");
  const auto device = make_cpu(2);
  const Tensor qkv = Tensor::from(*device, random.normals(T * 3 * D), {1, T, 3 * D});
  const Tensor y = pass(*device, qkv, 1);
  CHECK(device->pool().stats().peak == planned(T, 1, D));
  CHECK(device->pool().stats().peak < 20 * static_cast<size_t>(T * D) * sizeof(float));
  const Tensor last = heads_of(qkv, D, 0, 1).sliced(2, T - 1, 1);
  const Tensor alone = causal_attention(last, heads_of(qkv, D, 1, 1), heads_of(qkv, D, 2, 1));
  CHECK(test::close_by_norm(y.sliced(1, T - 1, 1).doubles(), alone.doubles(), 1e-5));
}

TEST_CASE("attention: wrong shapes are refused") {
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(cpu(), DType::f32, shape); };
  CHECK_THROWS_WITH(causal_attention(zeros({2, 3, 12}), {.n_head = 5}), Catch::Contains("[2, 3, 12]"));
  CHECK_THROWS_WITH(causal_attention(zeros({2, 3, 12}), {.n_head = 0}), Catch::Contains("n_head = 0"));
  CHECK_THROWS_WITH(causal_attention(zeros({1, 2, 5, 4}), zeros({1, 2, 3, 4}), zeros({1, 2, 3, 4})),
                    Catch::Contains("Tq <= Tk"));
  CHECK_THROWS_WITH(causal_attention(zeros({1, 3, 3, 4}), zeros({1, 2, 3, 4}), zeros({1, 2, 3, 4})),
                    Catch::Contains("[1, 2, 3, 4]") && Catch::Contains("divisor"));
  CHECK_THROWS_WITH(causal_attention(zeros({2, 3, 28}), {.n_head = 3, .n_kv_head = 2}),
                    Catch::Contains("n_kv_head = 2"));
  CHECK_THROWS_WITH(causal_attention(zeros({2, 3, 12}), {.n_head = 2, .window = -1}),
                    Catch::Contains("window = -1"));
  const Tensor x = zeros({1, 2, 3, 4}), position = Tensor::zeros(cpu(), DType::i32, {1});
  CHECK_THROWS_WITH(causal_attention(x, x, x, {.position = position, .capacity = 2}),
                    Catch::Contains("capacity = 2 for 3 keys"));
}

}  // namespace hewn
