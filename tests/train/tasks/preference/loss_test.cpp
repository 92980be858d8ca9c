// The loss of pairs of answers: its value and gradient through a whole model, and how steps weigh pairs.

#include "train/data/batch_tensors.h"
#include "train/tasks/preference/reference.h"

#include <cmath>

#include "core/gradcheck.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/linear_cross_entropy/op.h"
#include "kernels/reduce/op.h"
#include "tests/support/close.h"
#include "tests/train/tiny.h"
#include "train/tasks/preference/pairs.h"

namespace hewn {
namespace {

/// Pairs of a common prompt, whose targets are masked, and answers of different lengths.
std::vector<PreferencePair> random_pairs(test::Random& random, const ModelConfig& config, int64_t count) {
  std::vector<PreferencePair> pairs;
  const auto token = [&] { return static_cast<int32_t>(random.integer(0, config.vocab_size - 1)); };
  for (int64_t i = 0; i < count; ++i) {
    const int64_t prompt = random.integer(1, config.block_size - 1);
    const auto row = [&] {
      TrainingRow made;
      const int64_t length = random.integer(prompt, config.block_size);
      for (int64_t t = 0; t < length; ++t) {
        made.tokens.push_back(token());
        made.targets.push_back(t + 1 < prompt ? ignored_target : token());
      }
      return made;
    };
    PreferencePair pair{row(), row()};
    for (double& log : pair.reference) log = -random.uniform(1, 20);
    pairs.push_back(pair);
  }
  return pairs;
}

Batch batch_of(const std::vector<PreferencePair>& pairs) {
  Batch batch;
  PairBatches(pairs, std::ssize(pairs), 0, RowOrder::Kind::by_length).fill(0, batch);
  return batch;
}

/// log P of a row's targets by a plain loop over the logits of the row alone.
double log_probability(Model& model, const TrainingRow& row) {
  const auto T = static_cast<int64_t>(row.tokens.size()), V = model.config().vocab_size;
  const std::vector<double> logits = model.logits(Tensor::from(cpu(), row.tokens, {1, T})).doubles();
  double sum = 0;
  for (int64_t t = 0; t < T; ++t) {
    const int32_t target = row.targets[static_cast<size_t>(t)];
    if (target == ignored_target) continue;
    double all = 0;
    for (int64_t v = 0; v < V; ++v) all += std::exp(logits[static_cast<size_t>(t * V + v)]);
    sum += logits[static_cast<size_t>(t * V + target)] - std::log(all);
  }
  return sum;
}

/// The loss as its definition is written.
double plain_loss(Model& model, const std::vector<PreferencePair>& pairs, const PreferenceConfig& config) {
  const auto log_sigmoid = [](double m) { return -std::log(1 + std::exp(-m)); };
  double sum = 0;
  for (const PreferencePair& pair : pairs) {
    const double m = config.beta * ((log_probability(model, pair.chosen) - pair.reference[0]) -
                                    (log_probability(model, pair.rejected) - pair.reference[1]));
    sum -= (1 - config.label_smoothing) * log_sigmoid(m) + config.label_smoothing * log_sigmoid(-m);
  }
  return sum / static_cast<double>(pairs.size());
}

Tensor loss_of(Model& model, const Batch& batch, const PreferenceConfig& config) {
  const Tensor logs = row_log_probabilities(model, batch_tensor(cpu(), batch, batch.tokens),
                                            batch_tensor(cpu(), batch, batch.targets));
  return preference_loss(logs, Tensor::from(cpu(), batch.reference, {batch.rows}), config);
}

std::vector<ModelConfig> models() {
  std::vector<ModelConfig> all(1, test::tiny_model());
  for (const char* arch : {"lstm", "bigram", "bigram_linear"}) {
    all.push_back(test::tiny_model());
    all.back().arch = arch;
  }
  return all;
}

constexpr ScheduleConfig constant{.kind = ScheduleKind::constant, .learning_rate = 0.1, .warmup_iters = 0};
constexpr OptimizerConfig sgd{.kind = OptimizerKind::sgd, .grad_clip = 0};

}  // namespace

TEST_CASE("preference loss: equals a plain loop, for every architecture", "[preference]") {
  test::Random random("preference loss");
  for (const ModelConfig& config : models())
    for (const PreferenceConfig& preference :
         {PreferenceConfig{.beta = 0.1}, PreferenceConfig{.beta = 2, .label_smoothing = 0.2}}) {
      INFO(config.arch << ", beta " << preference.beta);
      const auto model = make_model(config, cpu(), DType::f64, 7);
      const auto pairs = random_pairs(random, config, 5);
      const double expected = plain_loss(*model, pairs, preference);
      CHECK(std::abs(loss_of(*model, batch_of(pairs), preference).item() - expected) <= 1e-12 * expected);
    }
}

TEST_CASE("preference loss: gradient through the whole model in float64", "[preference]") {
  test::Random random("preference gradient");
  for (const ModelConfig& config : models()) {
    const auto model = make_model(config, cpu(), DType::f64, 7);
    const Batch batch = batch_of(random_pairs(random, config, 3));
    std::vector<Tensor> values;
    for (const Parameter& p : model->parameters().all()) values.push_back(p.value.clone());
    const PreferenceConfig preference{.beta = 0.5, .label_smoothing = 0.1};
    const auto result = gradcheck(
        [&](const std::vector<Tensor>& given) {
          for (size_t i = 0; i < given.size(); ++i) model->parameters().all()[i].value = given[i];
          return loss_of(*model, batch, preference);
        },
        values,
        {.step = 3e-4,
         .max_entries = 8});  // embeddings and norms are small: at 1e-3, the stencil errs by 2e-7
    INFO(config.arch << ": " << result.worst);
    CHECK(result.below(1e-7));
  }
}

TEST_CASE("preference loss: large margins neither overflow nor lose their gradient", "[preference]") {
  const auto at = [](double margin, double smoothing) {
    Tensor logs = Tensor::from(cpu(), std::vector<double>{margin, 0}, {2});
    require_grad(logs);
    Tape tape;
    const Tensor loss = preference_loss(logs, Tensor::zeros(cpu(), DType::f32, {2}),
                                        {.beta = 1, .label_smoothing = smoothing});
    tape.backward(loss);
    return std::pair{loss.item(), grad_of(logs).doubles()};
  };
  CHECK(at(1000, 0).first == 0);
  CHECK(at(-1000, 0).first == 1000);
  CHECK(at(-1000, 0).second == std::vector<double>{-1, 1});
  CHECK(at(1000, 0.25).first == 250);
  CHECK(at(1000, 0.25).second == std::vector<double>{0.25, -0.25});
  CHECK(at(0, 0.25).first == Approx(std::log(2.0)));
  CHECK(at(0, 0).second == std::vector<double>{-0.5, 0.5});
}

TEST_CASE("preference loss: two values are needed for each pair, of the model and of the reference",
          "[preference]") {
  const std::pair<Shape, Shape> misfits[] = {{{3}, {3}}, {{2, 2}, {4}}, {{4}, {2}}, {{4}, {4, 1}}};
  for (const auto& shapes : misfits)
    CHECK_ERROR(preference_loss(Tensor::zeros(cpu(), DType::f32, shapes.first),
                                Tensor::zeros(cpu(), DType::f32, shapes.second), {}),
                ErrorCode::usage,
                join("log probabilities are ", shapes.first, ", those of the reference ", shapes.second,
                     "; expected two for each pair"));
}

TEST_CASE("preference loss: masked positions have a gradient of exactly zero", "[preference]") {
  test::Random random("masked preferences");
  const Batch batch = batch_of(random_pairs(random, test::tiny_model(), 6));
  const int64_t T = batch.block_size, C = 5, V = 11;
  Tensor x = Tensor::from(cpu(), random.normals<float>(batch.rows * T * C), {batch.rows * T, C});
  const Tensor weight = Tensor::from(cpu(), random.normals<float>(V * C), {V, C});
  require_grad(x);
  Tape tape;
  const Tensor losses = linear_cross_entropy_rows(
      x, weight, {}, batch_tensor(cpu(), batch, batch.targets).viewed({batch.rows * T}));
  const Tensor logs = neg(sum(reshape(losses, {batch.rows, T}), 1));
  tape.backward(preference_loss(logs, Tensor::from(cpu(), batch.reference, {batch.rows}), {}));
  const std::vector<double> dx = grad_of(x).doubles(), values = losses.doubles();
  int64_t masked = 0;
  for (size_t r = 0; r < batch.targets.size(); ++r) {
    const bool ignored = batch.targets[r] == ignored_target;
    masked += ignored;
    CHECK((values[r] == 0) == ignored);
    for (int64_t c = 0; c < C; ++c) CHECK((dx[r * C + static_cast<size_t>(c)] == 0) == ignored);
  }
  CHECK(masked > 10);
}

TEST_CASE("preference loss: pairs of mixed lengths are the pairs one by one, in any micro-batches",
          "[preference]") {
  test::Random random("preference batches");
  const ModelConfig config = test::tiny_model();
  const auto pairs = random_pairs(random, config, 7);
  const auto trained = [&](const std::vector<int64_t>& sizes) {
    std::vector<Batch> batches;
    auto next = pairs.begin();
    for (const int64_t size : sizes) {
      batches.push_back(batch_of({next, next + size}));
      next += size;
    }
    const auto model = make_model(config, cpu(), DType::f64, 7);
    Trainer trainer(*model, sgd, constant, 1);
    trainer.minimise(preference_loss(PreferenceConfig{.beta = 0.7, .label_smoothing = 0.1}));
    std::vector<double> results;
    for (int step = 0; step < 3; ++step) {
      const StepResult result = trainer.step(batches);
      results.push_back(result.loss);
      results.push_back(result.grad_norm);
    }
    for (const Parameter& p : model->parameters().all())
      for (const double v : p.value.doubles()) results.push_back(v);
    return results;
  };
  const std::vector<double> one_by_one = trained({1, 1, 1, 1, 1, 1, 1});
  const std::vector<std::vector<int64_t>> splits{{7}, {1, 6}, {5, 2}, {2, 1, 4}, {3, 3, 1}};
  for (const std::vector<int64_t>& sizes : splits)
    CHECK(test::close_by_norm(trained(sizes), one_by_one, 1e-12));
  const auto model = make_model(config, cpu(), DType::f64, 7);
  CHECK(std::abs(one_by_one[0] - plain_loss(*model, pairs, {.beta = 0.7, .label_smoothing = 0.1})) <= 1e-12);
}

TEST_CASE("preference loss: the same bits for any number of threads, and with recomputed blocks",
          "[preference]") {
  test::Random random("preference threads");
  ModelConfig config = test::tiny_model();
  config.dropout = 0.1;
  const Batch batch = batch_of(random_pairs(random, config, 20));
  const auto trained = [&](int threads, bool recompute, DType dtype) {
    const auto device = make_cpu(threads);
    const auto model = make_model(config, *device, dtype, 7);
    Trainer trainer(*model, {}, constant, 1);
    trainer.minimise(preference_loss(PreferenceConfig{}));
    trainer.recompute(recompute);
    for (int step = 0; step < 3; ++step) trainer.step(batch);
    return test::bytes_of(trainer);
  };
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const std::string one = trained(1, false, dtype);
    CHECK((trained(3, false, dtype) == one));
    CHECK((trained(2, true, dtype) == one));
  }
}

TEST_CASE("preference loss: a batch whose reference does not fit is refused", "[preference]") {
  test::Random random("preference misfits");
  const auto model = make_model(test::tiny_model(), cpu());
  Trainer trainer(*model, {}, constant, 1);
  Batch batch = batch_of(random_pairs(random, test::tiny_model(), 2));
  batch.reference.pop_back();
  CHECK_ERROR(trainer.step(batch), ErrorCode::usage, "3 reference values for 4 rows");
  for (const PreferenceConfig& config :
       {PreferenceConfig{.beta = 0}, PreferenceConfig{.beta = -1}, PreferenceConfig{.label_smoothing = 0.5},
        PreferenceConfig{.label_smoothing = -0.1}})
    CHECK_ERROR(
        (TrainConfig{.model = test::tiny_model(), .optimizer = {}, .schedule = {}, .preference = config})
            .check(),
        ErrorCode::usage, "is out of range");
}

}  // namespace hewn
