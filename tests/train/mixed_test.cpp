// Mixed precision: bf16 matrix products over float32 parameters.

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/contract/contract.h"
#include "kernels/devices/devices.h"
#include "kernels/optimizer/abi.h"
#include "tests/train/tiny.h"
#include "train/checkpoint/checkpoint.h"

namespace hewn {
namespace {

constexpr int64_t rows = 6;  // times block_size: more tokens than go the way of decoding

/// Losses of `steps` steps on batches with a rule to learn, the same for every seed: what follows a token is
/// a function of it. (Noise learnt by heart makes two runs part for good wherever they round differently.)
std::vector<double> losses(Trainer& trainer, int steps, int start = 0) {
  std::vector<double> all;
  for (int i = start; i < start + steps; ++i) {
    test::Random random("mixed precision " + std::to_string(i));
    const ModelConfig& config = trainer.model().config();
    Batch batch = test::random_batch(random, config, rows);
    for (size_t k = 0; k < batch.tokens.size(); ++k)
      batch.targets[k] = static_cast<int32_t>((3 * batch.tokens[k] + 1) % config.vocab_size);
    all.push_back(trainer.step(batch).loss);
  }
  return all;
}

struct MixedRun {
  std::unique_ptr<Executor> device;
  std::unique_ptr<Model> model;
  Trainer trainer;
  explicit MixedRun(DType dtype, int threads = 1, const OptimizerConfig& optimizer = {})
      : device(make_cpu(threads)),
        model(make_model(test::tiny_model(), *device, dtype, 7)),
        trainer(*model, optimizer, {.learning_rate = 3e-3, .warmup_iters = 5, .lr_decay_iters = 100}, 7) {}
};

}  // namespace

TEST_CASE("mixed precision learns like float32", "[mixed]") {
  MixedRun wide(DType::f32), mixed(DType::bf16);
  const std::vector<double> expected = losses(wide.trainer, 40), got = losses(mixed.trainer, 40);
  CHECK(expected.back() < 0.9 * expected.front());
  CHECK(got != expected);  // or nothing was multiplied in bf16
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("step " << i << ": " << got[i] << " against " << expected[i]);
    CHECK(std::abs(got[i] - expected[i]) <= 0.005 * expected[i]);
  }
}

namespace {

/// Every matrix has a copy that holds its values, each rounded once.
void check_copies(Parameters& parameters) {
  size_t copies = 0;
  for (Parameter& p : parameters.all()) {
    CHECK(p.value.dtype() == DType::f32);
    CHECK(p.value_bf16.defined() == (p.shape.rank() == 2));
    if (!p.value_bf16.defined()) continue;
    ++copies;
    const std::vector<float> values = p.value.values<float>();
    const std::vector<double> rounded = p.value_bf16.doubles();
    size_t wrong = 0;
    for (size_t i = 0; i < values.size(); ++i)
      if (rounded[i] != static_cast<double>(static_cast<float>(BFloat16(values[i])))) ++wrong;
    INFO(p.name);
    CHECK(wrong == 0);
    CHECK(p.bf16_version == p.value.storage()->version);  // so that nothing is rounded again
  }
  CHECK(copies > 8);
}

}  // namespace

TEST_CASE("mixed precision has float32 parameters and up-to-date bf16 copies of matrices", "[mixed]") {
  MixedRun run(DType::bf16);
  Parameters& parameters = run.model->parameters();
  CHECK(parameters.dtype() == DType::f32);
  CHECK(parameters.product_dtype() == DType::bf16);
  losses(run.trainer, 2);
  check_copies(parameters);

  parameters.complete_grads();  // a refused update, before which a matrix has changed
  Tensor weight = parameters.find("transformer.wte.weight")->value;
  weight.ptr<float>()[3] += 1;
  weight.changed();
  const std::string before = test::bytes_of(weight);
  Tensor state = Tensor::zeros(run.model->device(), DType::u8, {sizeof(StepState)});
  Tensor grad = grad_of(weight);
  grad.ptr<float>()[0] = std::numeric_limits<float>::infinity();
  run.trainer.optimizer().step(state);
  CHECK((test::bytes_of(weight) == before));
  check_copies(parameters);
}

TEST_CASE("mixed precision: the same bits for any number of threads and after a checkpoint", "[mixed]") {
  for (const bool stochastic : {false, true}) {
    INFO((stochastic ? "stochastic rounding" : "rounding to the nearest"));
    const OptimizerConfig optimizer{.stochastic_rounding = stochastic};
    MixedRun one(DType::bf16, 1, optimizer);
    losses(one.trainer, 6);
    const std::string expected = test::bytes_of(one.trainer);
    for (const int threads : {2, 4}) {
      INFO(threads << " threads");
      MixedRun run(DType::bf16, threads, optimizer);
      losses(run.trainer, 6);
      CHECK((test::bytes_of(run.trainer) == expected));
    }
    const test::TempDir dir;
    MixedRun before(DType::bf16, 1, optimizer), after(DType::bf16, 1, optimizer);
    losses(before.trainer, 3);
    losses(after.trainer, 1);  // its copies are of other weights
    RunState state;
    state.step = 3;
    load_checkpoint(save_checkpoint(dir.path().string(), state, before.trainer), after.trainer);
    losses(after.trainer, 3, 3);
    CHECK((test::bytes_of(after.trainer) == expected));
  }
}

TEST_CASE("mixed precision: without copies in bf16 there is nothing to round", "[mixed]") {
  MixedRun nearest(DType::f32, 1, {}), stochastic(DType::f32, 1, {.stochastic_rounding = true});
  losses(nearest.trainer, 3);
  losses(stochastic.trainer, 3);
  CHECK((test::bytes_of(stochastic.trainer) == test::bytes_of(nearest.trainer)));
}

TEST_CASE("mixed precision: stochastic rounding is to a neighbour and unbiased", "[mixed]") {
  constexpr size_t n = 1 << 16;
  constexpr float ulp = 1.0f / 128;  // of bf16 from 1 to 2
  const std::vector<float> w(n, 1 + 0.3f * ulp);
  const auto rounded = [&](const StepState& state, int64_t extra) {
    std::vector<BFloat16> half(n);
    run(cpu(), StochasticRounding{n, w.data(), half.data(), &state, extra});
    std::vector<bool> up(n);
    for (size_t i = 0; i < n; ++i) {
      const auto x = static_cast<float>(half[i]);
      REQUIRE((x == 1 || x == 1 + ulp));
      up[i] = x > 1;
    }
    return up;
  };
  const auto share = [&](const std::vector<bool>& up) {
    return static_cast<double>(std::count(up.begin(), up.end(), true)) / static_cast<double>(n);
  };
  const std::vector<bool> first = rounded({.seed = 5, .step = 9}, 0);
  const double five_deviations = 5 * std::sqrt(0.3 * 0.7 / static_cast<double>(n));
  CHECK(std::abs(share(first) - 0.3) < five_deviations);
  CHECK((rounded({.seed = 5, .step = 8}, 1) == first));  // just after an update, or after a checkpoint
  for (const StepState& other : {StepState{.seed = 5, .step = 10}, StepState{.seed = 6, .step = 9}}) {
    const std::vector<bool> second = rounded(other, 0);
    std::vector<bool> both(n);
    for (size_t i = 0; i < n; ++i) both[i] = first[i] && second[i];
    CHECK(std::abs(share(both) - 0.09) < five_deviations);  // as for coins that know nothing of each other
  }
}

TEST_CASE("mixed precision: a matrix that is rounded in parts has the bits of the whole", "[mixed]") {
  constexpr int64_t n = 10000;
  const std::vector<float> w = test::Random("parts").normals<float>(n);
  const StepState state{.seed = 5, .step = 9};
  std::vector<BFloat16> whole(n), parts(n);
  run(cpu(), StochasticRounding{n, w.data(), whole.data(), &state, 0});
  for (int64_t first = 0; first < n; first += 4160)
    run(cpu(), StochasticRounding{.n = std::min<int64_t>(4160, n - first),
                                  .w = w.data() + first,
                                  .w_bf16 = parts.data() + first,
                                  .state = &state,
                                  .extra = 0,
                                  .first = first});
  CHECK(std::ranges::equal(whole, parts, {}, &BFloat16::bits, &BFloat16::bits));
}

TEST_CASE("mixed precision: stochastically rounded copies follow the matrices", "[mixed]") {
  MixedRun run(DType::bf16, 1, {.stochastic_rounding = true});
  losses(run.trainer, 3);
  const Parameter& p = *run.model->parameters().find("transformer.wte.weight");
  const std::vector<float> values = p.value.values<float>();
  const std::vector<double> copy = p.value_bf16.doubles();
  size_t far = 0, nearest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = static_cast<double>(values[i]);
    if (std::abs(copy[i] - w) > std::abs(w) / 128) ++far;
    if (copy[i] == static_cast<double>(static_cast<float>(BFloat16(values[i])))) ++nearest;
  }
  CHECK(far == 0);
  CHECK(nearest > values.size() / 2);
  CHECK(nearest < values.size());
  CHECK(p.bf16_version == p.value.storage()->version);  // so that nothing is rounded again
}

}  // namespace hewn
