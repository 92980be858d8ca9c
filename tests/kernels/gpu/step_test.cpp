// Decisions made on the device from device memory: a gradient that is not finite suppresses the update, an
// invalid target makes loss and gradients NaN, without the host reading them, and captured launches of decoding
// follow the position there.

#include <cmath>
#include <limits>

#include "kernels/attention/op.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/devices/captured_work.h"
#include "kernels/global_norm/abi.h"
#include "kernels/optimizer/abi.h"
#include "kernels/rotary/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// Parameters with the gradients of one step of AdamW, on the device.
struct Step {
  Device& device;
  Tensor w, g, m, v, sums, state;

  Step(Device& on, const std::vector<float>& gradients)
      : device(on),
        w(Tensor::from(on, std::vector<float>(gradients.size(), 1.0f), {size(gradients)})),
        g(Tensor::from(on, gradients, {size(gradients)})),
        m(Tensor::zeros(on, DType::f32, {size(gradients)})),
        v(Tensor::zeros(on, DType::f32, {size(gradients)})),
        sums(Tensor::empty(on, DType::f64, {blocks_of_norm(size(gradients))})),
        state(Tensor::empty(on, DType::u8, {sizeof(StepState)})) {
    const StepState start{.learning_rate = 0.1};
    executor(on).upload(state.data(), &start, sizeof start);
  }
  static int64_t size(const std::vector<float>& x) { return static_cast<int64_t>(x.size()); }

  StepState take() {
    auto* at = static_cast<StepState*>(state.data());
    auto* squares = static_cast<double*>(sums.data());
    run(device, BlockSquares{DType::f32, g.numel(), g.data(), squares});
    run(device, GlobalNorm{sums.numel(), squares, 1.0, at});
    run(device, ParameterUpdate{UpdateRule::adamw, DType::f32, w.numel(), w.numel(), w.data(), g.data(),
                                m.data(), v.data(), 0.9, 0.99, 1e-8, 0, at});
    StepState after;
    executor(device).download(&after, state.data(), sizeof after);
    return after;
  }
};

/// Calls `work` at several positions, given to it as a number and in device memory, and replays what it captured
/// at one of them; then calls `check` with the position.
template <class Work, class Check>
void at_positions(Executor& gpu, const std::vector<int32_t>& positions, const Work& work,
                  const Check& check) {
  const Tensor position = Tensor::from(gpu, std::vector<int32_t>{0}, {1});
  CapturedWork captured(gpu);
  int calls = 0;
  for (const int32_t p : positions) {
    INFO("position " << p);
    position.detached().upload(&p);
    const bool replayed = captured.run([&] { work(p, position), ++calls; });
    CHECK(replayed == (calls == 3 && captured.replays() > 1));
    check(p);
  }
  CHECK(calls == 3);
}

}  // namespace

TEST_CASE("GPU step: the gradient norm clips or stops the update") {
  const auto device = test::make_test_gpu();
  std::vector<float> gradients(70000, 0.0f);
  gradients[3] = 3, gradients[69999] = -4;

  Step good(*device, gradients);
  const StepState after = good.take();
  CHECK(after.grad_norm == 5);
  CHECK(std::abs(after.clip_factor - 0.2) < 1e-6);
  CHECK(after.non_finite == 0);
  // The first step of AdamW has the size of the learning rate, whatever the size of the gradient.
  CHECK(std::abs(good.w.values<float>()[3] - 0.9f) < 1e-6f);
  CHECK(std::abs(good.w.values<float>()[69999] - 1.1f) < 1e-6f);

  for (const float poison :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    INFO("a gradient of " << poison);
    gradients[40000] = poison;
    Step bad(*device, gradients);
    CHECK(bad.take().non_finite == 1);
    CHECK(bad.w.values<float>() == std::vector<float>(gradients.size(), 1.0f));
    CHECK(bad.m.values<float>() == std::vector<float>(gradients.size(), 0.0f));
  }
}

TEST_CASE("GPU step: a target out of range makes loss and gradients NaN") {
  const auto device = test::make_test_gpu();
  const Tensor logits = Tensor::from(*device, std::vector<float>(3 * 5, 0.0f), {3, 5});
  const auto loss = [&](int32_t last) {
    const Tensor targets = Tensor::from(*device, std::vector<int32_t>{4, -100, last}, {3});
    return cross_entropy(logits, targets).values<float>().at(0);
  };
  CHECK(std::abs(loss(0) - std::log(5.0f)) < 1e-6f);
  CHECK(std::isnan(loss(5)));
  CHECK(std::isnan(loss(-1)));

  const Tensor targets = Tensor::from(*device, std::vector<int32_t>{4, -100, 5}, {3});
  const Tensor stats = Tensor::from(*device, std::vector<float>{0, 5, 0, 5, 0, 5}, {3, 2});
  const Tensor dloss = Tensor::from(*device, std::vector<float>{1}, {});
  const Tensor kept = Tensor::from(*device, std::vector<int64_t>{2}, {});
  const Tensor dlogits = logits.like();
  run(*device, CrossEntropyBackward{DType::f32, 3, 5, logits.data(), targets.ptr<int32_t>(), stats.data(),
                                    dloss.data(), kept.ptr<int64_t>(), dlogits.data(), Write::set});
  const std::vector<float> d = dlogits.values<float>();
  for (size_t i = 0; i < 5; ++i) {
    INFO(i);
    CHECK(std::abs(d[i] - (i == 4 ? -0.4f : 0.1f)) < 1e-6f);
    CHECK(d[5 + i] == 0);
    CHECK(std::isnan(d[10 + i]));
  }
}

TEST_CASE("captured attention follows the number of keys in device memory") {
  const auto gpu = test::make_test_gpu();
  constexpr int64_t B = 2, H = 4, Hkv = 2, capacity = 400;
  test::Random random("captured attention");
  struct Form {
    DType dtype;
    int64_t D, Tq, window;
  };
  for (const Form& form :
       {Form{DType::f32, 16, 1, 0}, Form{DType::f32, 24, 2, 150}, Form{DType::bf16, 16, 1, 0},
        Form{DType::f64, 8, 1, 70}, Form{DType::f32, 132, 1, 0}}) {
    const DType dtype = form.dtype;
    const int64_t D = form.D, Tq = form.Tq, window = form.window;
    INFO(name_of(dtype) << ", heads of " << D << ", " << Tq << " queries, window " << window);
    const auto operand = [&](int64_t heads, int64_t T) {
      const Tensor x = Tensor::from(cpu(), random.normals(B * heads * T * D), {B, heads, T, D});
      return as_type(x, dtype);
    };
    const Tensor q = operand(H, Tq), k = operand(Hkv, capacity), v = operand(Hkv, capacity);
    const auto there = [&](const Tensor& x) {
      Tensor y = Tensor::empty(*gpu, dtype, x.shape());
      y.upload(x.data());
      return y;
    };
    const Tensor q_there = there(q), k_there = there(k), v_there = there(v), y = q_there.like();
    at_positions(
        *gpu, {5, 390, 20, 0, 63, 64, 65, 200, 399 - static_cast<int32_t>(Tq) + 1},
        [&](int32_t p, const Tensor& position) {
          copy_into(y,
                    causal_attention(q_there, k_there.sliced(2, 0, p + Tq), v_there.sliced(2, 0, p + Tq),
                                     {.window = window, .position = position, .capacity = capacity}),
                    Write::set);
        },
        [&](int32_t p) {
          const Tensor expected =
              causal_attention(q, k.sliced(2, 0, p + Tq), v.sliced(2, 0, p + Tq), {.window = window});
          CHECK(test::close_by_norm(y.doubles(), expected.doubles(), dtype == DType::bf16 ? 8e-3 : 5e-6));
        });
  }
}

TEST_CASE("captured rotations follow the position in device memory") {
  const auto gpu = test::make_test_gpu();
  test::Random random("captured rotary");
  const std::vector<float> values = random.normals(2 * 3 * 8);
  const Shape shape{2, 1, 24};
  const Tensor x = Tensor::from(*gpu, values, shape), here = Tensor::from(cpu(), values, shape), y = x.like();
  at_positions(
      *gpu, {3, 7, 0, 1, 2, 900},
      [&](int32_t p, const Tensor& position) {
        copy_into(y, rotary_packed(x, 3, 2, {.start = p, .position = position}), Write::set);
      },
      [&](int32_t p) {
        CHECK(test::close_by_norm(y.doubles(), rotary_packed(here, 3, 2, {.start = p}).doubles(), 1e-6));
      });
}

TEST_CASE("captured copies follow the row in device memory") {
  const auto gpu = test::make_test_gpu();
  test::Random random("captured copy");
  for (const DType dtype : {DType::f32, DType::bf16}) {
    INFO(name_of(dtype));
    const Tensor x = Tensor::from(*gpu, random.normals(2 * 3 * 10), {2, 3, 10}).sliced(2, 4, 5);
    const Tensor y = Tensor::zeros(*gpu, dtype, {2, 9, 5});
    std::vector<double> expected(2 * 9 * 5);
    at_positions(
        *gpu, {4, 0, 6, 2, 5}, [&](int32_t, const Tensor& row) { copy_into_rows(y, row, x); },
        [&](int32_t row) {
          const std::vector<double> added = as_type(contiguous(x), dtype).doubles();
          for (size_t i = 0; i < added.size(); ++i)
            expected[(i / 15 * 9 + i / 5 % 3 + static_cast<size_t>(row)) * 5 + i % 5] = added[i];
          CHECK(y.doubles() == expected);
        });
    CHECK_THROWS_WITH(copy_into_rows(y.sliced(1, 0, 2), Tensor::zeros(*gpu, DType::i32, {1}), x),
                      Catch::Contains("[2, 3, 5]") && Catch::Contains("[2, 2, 5]"));
  }
}

}  // namespace hewn
