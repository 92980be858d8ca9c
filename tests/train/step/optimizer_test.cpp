// The optimizer against loops in double written here.

#include <cmath>
#include <limits>

#include "tests/support/close.h"
#include "tests/train/tiny.h"

namespace hewn {
namespace {

/// A matrix, which decays, and a vector, which does not, with their gradients.
struct Weights {
  Parameters parameters;
  explicit Weights(DType dtype) {
    parameters.add("matrix", {37, 5}, Init::normal(0.5));
    parameters.add("vector", {21}, Init::normal(0.5));
    parameters.allocate(cpu(), dtype, test::run_seed());
  }

  /// New gradients, the same values in every dtype.
  std::vector<double> draw_grads(test::Random& random, double scale) {
    std::vector<double> all;
    const ParameterSlab& slab = parameters.slab();
    for (size_t i = 0; i < slab.members.size(); ++i) {
      Tensor grad = Tensor::over(slab.grads->slice(i), parameters.dtype(), slab.members[i]->shape);
      const auto values = random.normals<float>(grad.numel(), scale);
      const std::vector<double> wide(values.begin(), values.end());
      parameters.dtype() == DType::f64 ? grad.upload(wide.data()) : grad.upload(values.data());
      all.insert(all.end(), wide.begin(), wide.end());
    }
    return all;
  }

  /// All values, the matrix first, as in the slab.
  std::vector<double> values() const {
    std::vector<double> all;
    for (const Parameter& p : parameters.all())
      for (const double v : p.value.doubles()) all.push_back(v);
    return all;
  }
};

constexpr size_t matrix_size = 37 * 5;

/// One step of `o`, from the papers named in kernels/optimizer/abi.h.
struct Expected {
  std::vector<double> w, m, v;
  double norm = 0;
  void step(const OptimizerConfig& o, std::vector<double> g, double lr, int64_t t) {
    double squares = 0;
    for (const double x : g) squares += x * x;
    norm = std::sqrt(squares);
    const double clip = o.grad_clip > 0 ? std::min(1.0, o.grad_clip / (norm + 1e-6)) : 1;
    for (size_t i = 0; i < w.size(); ++i) {
      const double decay = i < matrix_size ? o.weight_decay : 0;
      g[i] *= clip;
      if (o.kind == OptimizerKind::sgd) {
        m[i] = o.beta1 * m[i] + g[i] + decay * w[i];
        w[i] -= lr * m[i];
        continue;
      }
      if (o.kind == OptimizerKind::adam) g[i] += decay * w[i];
      if (o.kind == OptimizerKind::adamw) w[i] -= lr * decay * w[i];
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g[i];
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g[i] * g[i];
      const auto n = static_cast<double>(t);
      const double mean = m[i] / (1 - std::pow(o.beta1, n)), square = v[i] / (1 - std::pow(o.beta2, n));
      w[i] -= lr * mean / (std::sqrt(square) + o.eps);
    }
  }
};

void check_against_loop(const OptimizerConfig& config, DType dtype, double tolerance) {
  test::Random random("optimizer");
  Weights weights(dtype);
  Optimizer optimizer(weights.parameters, config);
  Tensor device_state = Tensor::zeros(cpu(), DType::u8, {sizeof(StepState)});
  const std::vector<double> start = weights.values(), zeros(start.size());
  Expected expected{start, zeros, zeros};
  for (int64_t step = 0; step < 8; ++step) {
    StepState state{.step = step, .learning_rate = 0.01 * static_cast<double>(step + 1)};
    const double scale = step % 2 == 0 ? 1.0 : 0.01;  // clipped and not
    expected.step(config, weights.draw_grads(random, scale), state.learning_rate, step + 1);
    device_state.upload(&state);
    optimizer.step(device_state);
    cpu().download(&state, device_state.data(), sizeof state);
    CHECK(state.grad_norm == Approx(expected.norm).epsilon(1e-12));
    CHECK(state.non_finite == 0);
    CHECK(test::close_by_norm(weights.values(), expected.w, tolerance));
  }
}

}  // namespace

TEST_CASE("every optimizer follows its formula; only matrices decay", "[optimizer]") {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam, OptimizerKind::sgd})
    for (const double clip : {0.0, 1.0}) {
      INFO(name_of(kind) << ", grad_clip " << clip);
      const OptimizerConfig config{.kind = kind, .weight_decay = 0.3, .beta1 = 0.8, .grad_clip = clip};
      check_against_loop(config, DType::f64, 1e-13);
      check_against_loop(config, DType::f32, 2e-6);
    }
}

TEST_CASE("without gradients a matrix shrinks by its decay and a vector is unchanged", "[optimizer]") {
  Weights weights(DType::f64);
  Optimizer optimizer(weights.parameters, {.weight_decay = 0.5});
  const auto before = weights.values();
  const StepState state{.learning_rate = 0.1};
  Tensor device_state = Tensor::zeros(cpu(), DType::u8, {sizeof(StepState)});
  device_state.upload(&state);
  optimizer.step(device_state);
  const auto after = weights.values();
  for (size_t i = 0; i < after.size(); ++i)
    CHECK(after[i] == Approx(before[i] * (i < matrix_size ? 0.95 : 1.0)).epsilon(1e-14));
}

TEST_CASE("a non-finite step changes neither parameters nor moments", "[optimizer]") {
  test::Random random("poison");
  for (const double poison :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()})
    for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam, OptimizerKind::sgd}) {
      INFO(name_of(kind) << ", " << poison);
      Weights weights(DType::f32);
      Optimizer optimizer(weights.parameters, {.kind = kind});
      Tensor device_state = Tensor::zeros(cpu(), DType::u8, {sizeof(StepState)});
      const auto step = [&] {
        StepState state{.learning_rate = 0.1};
        device_state.upload(&state);
        optimizer.step(device_state);
        cpu().download(&state, device_state.data(), sizeof state);
        return state.non_finite != 0;
      };
      const auto all_bytes = [&] {
        std::string bytes;
        for (const Parameter& p : weights.parameters.all()) bytes += test::bytes_of(p.value);
        for (const auto& moment : optimizer.moments()) bytes += test::bytes_of(moment.value());
        return bytes;
      };
      weights.draw_grads(random, 1);
      CHECK_FALSE(step());
      const std::string before = all_bytes();
      weights.draw_grads(random, 1);
      const ParameterSlab& slab = weights.parameters.slab();
      const auto member = static_cast<size_t>(random.integer(0, 1));
      Tensor grad = Tensor::over(slab.grads->slice(member), DType::f32, slab.members[member]->shape);
      grad.ptr<float>()[random.integer(0, grad.numel() - 1)] = static_cast<float>(poison);
      CHECK(step());
      CHECK((all_bytes() == before));
      weights.draw_grads(random, 1);
      CHECK_FALSE(step());  // and the next good one is taken
      CHECK_FALSE((all_bytes() == before));
    }
}

TEST_CASE("an update counts as a change of every parameter, also of a single number", "[optimizer]") {
  Parameters parameters;
  parameters.add("number", {1}, Init::ones());
  parameters.allocate(cpu(), DType::f32, 1);
  const ParameterSlab& slab = parameters.slab();
  Optimizer optimizer(parameters, {.kind = OptimizerKind::sgd, .grad_clip = 0});
  const Tensor& value = slab.members[0]->value;
  const float gradient = 0.5f;
  Tensor::over(slab.grads->slice(0), DType::f32, {1}).upload(&gradient);
  const StepState state{.learning_rate = 0.5};
  Tensor device_state = Tensor::zeros(cpu(), DType::u8, {sizeof(StepState)});
  device_state.upload(&state);
  const uint64_t version = value.storage()->version;
  optimizer.step(device_state);
  CHECK(value.item() == 0.75);
  CHECK(value.storage()->version > version);  // what was saved of it for a backward pass is out of date
}

TEST_CASE("stochastic rounding has no effect where nothing is rounded", "[optimizer]") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    test::Random random("rounding"), same("rounding");
    Weights one(dtype), other(dtype);
    Optimizer plain(one.parameters, {}), rounding(other.parameters, {.stochastic_rounding = true});
    const StepState state{.learning_rate = 0.1};
    Tensor device_state = Tensor::zeros(cpu(), DType::u8, {sizeof(StepState)});
    device_state.upload(&state);
    one.draw_grads(random, 1);
    other.draw_grads(same, 1);
    plain.step(device_state);
    rounding.step(device_state);
    rounding.round_again(state);
    CHECK(one.values() == other.values());
  }
}

}  // namespace hewn
