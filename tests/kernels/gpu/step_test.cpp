// Decisions made on the device from device memory: a gradient that is not finite suppresses the update, and
// an invalid target makes loss and gradients NaN, without the host reading them.

#include <cmath>
#include <limits>

#include "kernels/contract/contract.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/global_norm/abi.h"
#include "kernels/optimizer/abi.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"

namespace hewn {
namespace {

/// Parameters with the gradients of one step of AdamW, on the device.
struct Step {
  Device& device;
  Tensor w, g, m, v, state;

  Step(Device& on, const std::vector<float>& gradients)
      : device(on),
        w(Tensor::from(on, std::vector<float>(gradients.size(), 1.0f), {size(gradients)})),
        g(Tensor::from(on, gradients, {size(gradients)})),
        m(Tensor::zeros(on, DType::f32, {size(gradients)})),
        v(Tensor::zeros(on, DType::f32, {size(gradients)})),
        state(Tensor::empty(on, DType::u8, {sizeof(StepState)})) {
    const StepState start{.learning_rate = 0.1};
    executor(on).upload(state.data(), &start, sizeof start);
  }
  static int64_t size(const std::vector<float>& x) { return static_cast<int64_t>(x.size()); }

  StepState take() {
    auto* at = static_cast<StepState*>(state.data());
    run(device, GlobalNorm{DType::f32, 1, {{g.data(), g.numel()}}, 1.0, at});
    run(device, ParameterUpdate{UpdateRule::adamw, DType::f32, w.numel(), w.numel(), w.data(), g.data(),
                                m.data(), v.data(), 0.9, 0.99, 1e-8, 0, at});
    StepState after;
    executor(device).download(&after, state.data(), sizeof after);
    return after;
  }
};

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

}  // namespace hewn
