// Whole models on a GPU: the same training, texts and plans as on the CPU. HEWN_TEST_DEVICE=cuda takes the
// machine's GPU instead of the emulated one.

#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "kernels/gpu/emulator/emulator.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/train/tiny.h"
#include "train/data/batch_tensors.h"
#include "train/inspect/divergence.h"
#include "train/plan.h"
#include "train/tasks/preference/reference.h"

namespace hewn {
namespace {

constexpr ScheduleConfig rate{.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};

struct Architecture {
  const char* name;
  ModelConfig config;
};

/// GPT-2's, one like Llama's, those with dropout and without fused attention, one with a float32 residual stream, and
/// one of rarer parts.
std::vector<Architecture> architectures() {
  std::vector<Architecture> list{{"gpt", test::tiny_model()}};
  ModelConfig llama = test::tiny_model();
  llama.n_kv_head = 1;
  llama.norm = NormKind::rmsnorm;
  llama.pos = Positions::rotary;
  llama.act = MlpActivation::swiglu;
  llama.bias = llama.qkv_bias = false;
  llama.tie = false;
  llama.window = 5;
  list.push_back({"llama", llama});
  ModelConfig dropped = test::tiny_model();
  dropped.dropout = 0.2;
  list.push_back({"dropout", dropped});
  ModelConfig plain = test::tiny_model();
  plain.attention = AttentionForm::batched;
  plain.act = Activation::relu;
  list.push_back({"batched attention", plain});
  ModelConfig wide = test::tiny_model();
  wide.residual_dtype = DType::f32;
  list.push_back({"float32 stream", wide});
  ModelConfig rare = test::tiny_model();
  rare.attention = AttentionForm::per_head;
  rare.norm_place = NormPlace::post;
  rare.pos = Positions::sinusoidal;
  rare.pos_combine = PosCombine::concat;
  rare.tie = false;
  list.push_back({"post-norm, concatenated positions, heads one by one", rare});
  for (const char* arch : {"rnn", "lstm"}) {
    ModelConfig recurrent = test::tiny_model();
    recurrent.arch = arch;
    recurrent.dropout = 0.2;
    list.push_back({arch, recurrent});
  }
  return list;
}

/// A model in training on a device, with its batches.
struct Training {
  Training(const ModelConfig& config, Executor& device, DType dtype, OptimizerConfig optimizer = {})
      : model(make_model(config, device, dtype, 3)), trainer(*model, optimizer, rate, 5) {}

  /// A step of two micro-batches that follow from its number.
  StepResult step() {
    const auto number = std::to_string(trainer.steps_done());
    test::Random random("gpu step " + number);
    const std::vector<Batch> batches{test::random_batch(random, model->config(), 3),
                                     test::random_batch(random, model->config(), 2)};
    return trainer.step(batches);
  }
  std::vector<double> parameters() const {
    std::vector<double> all;
    for (const Parameter& p : model->parameters().all())
      for (const double v : p.value.doubles()) all.push_back(v);
    return all;
  }

  std::unique_ptr<Model> model;
  Trainer trainer;
};

/// A GPU that, if emulated, reports so little memory that logits are computed in chunks of the fewest rows.
std::unique_ptr<Executor> make_small_gpu() {
  size_t usual = 0;
  if constexpr (emulator_compiled) usual = std::exchange(emulator::options().memory_bytes, size_t{1} << 20);
  auto gpu = test::make_test_gpu();
  if constexpr (emulator_compiled) emulator::options().memory_bytes = usual;
  return gpu;
}

/// Emulated tensor cores are slow, and left to the long tests.
bool has_time_for(DType dtype, const Executor& gpu) {
  return dtype != DType::bf16 || gpu.isa() != Isa::emulated || test::full();
}

}  // namespace

TEST_CASE("gpu: training losses equal those of the CPU", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const auto& [name, config] : architectures()) {
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      if (!has_time_for(dtype, *gpu)) continue;
      INFO(name << " " << name_of(dtype));
      Training there(config, *gpu, dtype), here(config, cpu(), dtype);
      for (int step = 0; step < 4; ++step) {
        const StepResult a = there.step(), b = here.step();
        INFO("step " << step);
        CHECK(a.finite);
        CHECK(std::abs(a.loss - b.loss) <= loss_tolerance(dtype));
        CHECK(std::abs(a.grad_norm - b.grad_norm) <= 10 * loss_tolerance(dtype) * b.grad_norm);
      }
    }
  }
}

TEST_CASE("gpu: every value and gradient of a step equals the CPU's, and a difference is located", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const auto& [name, config] : architectures()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      INFO(name << " " << name_of(dtype));
      Training there(config, *gpu, dtype), here(config, cpu(), dtype);
      test::Random random("divergence");
      const Batch batch = test::random_batch(random, config, 3);
      const auto found = [&] {
        return first_divergence(here.trainer, there.trainer, std::span(&batch, 1), node_tolerance(dtype));
      };
      CHECK(found() == "");
      there.trainer.set_steps_done(7);  // another mask of dropout
      CHECK((found() == "") == (config.dropout == 0));
      there.step();
      CHECK(found().starts_with("parameter "));
    }
  }
}

TEST_CASE("gpu: mixed-precision gradients equal those of float64 within 1e-2 in norm", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const auto gradients = [](const ModelConfig& config, Executor& device, DType dtype, const Batch& batch) {
    const auto model = make_model(config, device, dtype, 3);
    Tape tape;
    tape.backward(
        model->loss(batch_tensor(device, batch, batch.tokens), batch_tensor(device, batch, batch.targets)));
    std::vector<double> all;
    for (const Parameter& p : model->parameters().all())
      for (const double d : grad_of(p.value).doubles()) all.push_back(d);
    return all;
  };
  for (const auto& [name, tiny] : architectures()) {
    ModelConfig config = tiny;  // as much of it as sums on tensor cores need
    config.n_embd = 32, config.block_size = 16;
    config.dropout = 0;
    if (config.act == Activation::relu) config.act = Activation::gelu_tanh;  // its slope leaps at 0
    INFO(name);
    test::Random random("gradients in mixed precision");
    const Batch batch = test::random_batch(random, config, 2);
    const std::vector<double> truth = gradients(config, cpu(), DType::f64, batch),
                              got = gradients(config, *gpu, DType::bf16, batch);
    REQUIRE(got.size() == truth.size());
    double difference = 0, norm = 0;
    for (size_t i = 0; i < got.size(); ++i)
      difference += (got[i] - truth[i]) * (got[i] - truth[i]), norm += truth[i] * truth[i];
    CHECK(std::sqrt(difference / norm) <= 1e-2);
    CHECK(difference > 0);  // or nothing was rounded
  }
}

TEST_CASE("gpu: mixed precision loses as float32 does, with the same bits each time", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  ModelConfig config = test::tiny_model();
  config.n_embd = 32, config.vocab_size = 70;  // rows of logits are padded to 128
  const auto losses = [&](Executor& device, DType dtype) {
    const auto model = make_model(config, device, dtype, 3);
    Trainer trainer(*model, {}, {.kind = ScheduleKind::constant, .learning_rate = 3e-3, .warmup_iters = 0},
                    5);
    test::Random random("ten steps");
    const Batch batch = test::random_batch(random, config, 3);
    std::vector<double> all;
    for (int step = 0; step < 10; ++step) all.push_back(trainer.step(batch).loss);
    return all;
  };
  const std::vector<double> expected = losses(cpu(), DType::f32), got = losses(*gpu, DType::bf16);
  CHECK(expected.back() < expected.front() - 0.1);
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("step " << i << ": " << got[i] << " against " << expected[i]);
    CHECK(std::abs(got[i] - expected[i]) <= 0.01);
  }
  CHECK(got != expected);  // or nothing was rounded
  CHECK(losses(*gpu, DType::bf16) == got);
}

TEST_CASE("gpu: activations of mixed precision are bf16, and no kernel only converts", "[gpu][plan]") {
  /// Counts what a tape records in float32, by operation.
  struct Float32 final : TapeObserver {
    void recorded(const Node& node, const Tensor& y) override {
      if (y.numel() > 1 && y.dtype() != DType::bf16) ++ops[node.info().name];
    }
    void before_backward(const Node& node, const Tensor& dy) override {
      if (dy.numel() > 1 && dy.dtype() != DType::bf16) ++ops[node.info().name];
    }
    std::map<std::string, int> ops;
  };
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const auto& [name, tiny] : architectures()) {
    INFO(name);
    ModelConfig config = tiny;
    config.n_embd = 32;
    const bool composes =
        config.attention != AttentionForm::fused || config.arch != "gpt";  // recurrences are float32
    const bool converts = composes || config.residual_dtype == DType::f32;
    TrainConfig training{.model = config, .optimizer = {}, .schedule = {}};
    training.batch_size = 2;
    training.dtype = DType::bf16;
    CHECK((make_plan(training, target_of(*gpu)).kernels.count("copy") > 0) == converts);
    if (converts) continue;
    const auto model = make_model(config, *gpu, DType::bf16, 3);
    test::Random random("types");
    const Batch batch = test::random_batch(random, config, 2);
    Float32 observer;
    Tape tape;
    tape.observe(&observer);
    tape.backward(
        model->loss(batch_tensor(*gpu, batch, batch.tokens), batch_tensor(*gpu, batch, batch.targets)));
    CHECK((observer.ops == std::map<std::string, int>{}));
  }
}

TEST_CASE("gpu: training twice gives the same bits", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const auto& [name, config] : architectures()) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      if (!has_time_for(dtype, *gpu)) continue;
      INFO(name << " " << name_of(dtype));
      Training first(config, *gpu, dtype), second(config, *gpu, dtype);
      for (int step = 0; step < 2; ++step) CHECK(first.step().loss == second.step().loss);
      CHECK((test::bytes_of(first.trainer) == test::bytes_of(second.trainer)));
    }
  }
}

TEST_CASE("gpu: checkpoints move between devices", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const test::TempDir run;
  const std::pair<Executor*, Executor*> ways[] = {{gpu.get(), &cpu()}, {&cpu(), gpu.get()}};
  for (const auto& [from, to] : ways) {
    INFO("from " << from->name() << " to " << to->name());
    Training old(test::tiny_model(), *from, DType::f32), other(test::tiny_model(), *to, DType::f32);
    for (int step = 0; step < 2; ++step) old.step();
    RunState state;
    state.step = old.trainer.steps_done();
    load_checkpoint(save_checkpoint((run / to->name()).string(), state, old.trainer), other.trainer);
    CHECK((test::bytes_of(old.trainer) == test::bytes_of(other.trainer)));
    for (int step = 0; step < 2; ++step)
      CHECK(std::abs(old.step().loss - other.step().loss) <= loss_tolerance(DType::f32));
  }
}

TEST_CASE("gpu: texts are generated as on the CPU, with and without a cache", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const auto& [name, config] : architectures()) {
    const auto there = make_model(config, *gpu, DType::f32, 3),
               here = make_model(config, cpu(), DType::f32, 3);
    for (const bool cache : {true, false}) {
      INFO(name << (cache ? ", cache" : ", no cache"));
      // More tokens than the context holds, so that it slides.
      const GenerateOptions options{.max_new_tokens = 12, .seed = 4, .context = {.cache = cache}};
      const auto logits_of = [&](Model& model, std::vector<int32_t>& ids, bool graphs = true) {
        std::vector<double> logits;
        GenerateOptions of_text = options;
        of_text.cuda_graph = graphs;
        generate(model, {1, 2, 3}, of_text, [&](const Generated& g) {
          ids.push_back(g.token);
          logits.insert(logits.end(), g.logits.begin(), g.logits.end());
          return true;
        });
        return logits;
      };
      std::vector<int32_t> ids, expected_ids;
      const std::vector<double> logits = logits_of(*there, ids), expected = logits_of(*here, expected_ids);
      CHECK(ids == expected_ids);
      CHECK(test::close_abs(logits, expected, 1e-4));
      CHECK(logits_of(*there, ids, false) == logits);
    }
  }
}

TEST_CASE("gpu: a plan predicts the memory of training to the byte", "[gpu][plan]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  struct Kind {
    DType dtype = DType::f32;
    bool recompute = false, stochastic_rounding = false;
    int64_t micro_steps = 1;
  };
  for (const auto& [name, model] : architectures()) {
    for (const Kind& kind :
         {Kind(), Kind{.recompute = true}, Kind{.micro_steps = 2}, Kind{.dtype = DType::bf16},
          Kind{.dtype = DType::bf16, .stochastic_rounding = true, .micro_steps = 2}}) {
      if (!has_time_for(kind.dtype, *gpu)) continue;
      INFO(name << " " << name_of(kind.dtype) << (kind.recompute ? ", recomputing" : "")
                << (kind.stochastic_rounding ? ", rounding by chance" : "") << ", " << kind.micro_steps
                << " micro-steps");
      TrainConfig config{.model = model, .optimizer = {}, .schedule = {}};
      config.batch_size = 3;
      config.dtype = kind.dtype;
      config.recompute = kind.recompute;
      config.optimizer.stochastic_rounding = kind.stochastic_rounding;
      config.gradient_accumulation_steps = kind.micro_steps;
      const Plan plan = make_plan(config, target_of(*gpu));
      const auto fresh = test::make_test_gpu();
      const auto real = make_model(config.model, *fresh, kind.dtype);
      Trainer trainer(*real, config);
      test::Random random("plan on a GPU");
      for (int step = 0; step < 5; ++step) {  // from the third on, as graphs
        std::vector<Batch> batches;
        for (int64_t m = 0; m < kind.micro_steps; ++m)
          batches.push_back(test::random_batch(random, config.model, config.batch_size));
        {
          const NoGrad none;
          (void)real->loss(batch_tensor(*fresh, batches[0], batches[0].tokens),
                           batch_tensor(*fresh, batches[0], batches[0].targets));
        }
        trainer.step(batches);
      }
      CHECK(trainer.graphs().replays() == 3 * kind.micro_steps);
      CHECK(fresh->pool().stats().peak == plan.memory.peak);
      CHECK(fresh->pool().stats().peak_reserved == plan.memory.peak_reserved);
    }
  }
}

TEST_CASE("gpu: preferences are learned as on the CPU, in graphs, with the planned memory", "[gpu][plan]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    if (!has_time_for(dtype, *gpu)) continue;
    INFO(name_of(dtype));
    TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = rate};
    config.batch_size = 2;
    config.dtype = dtype;
    config.preference = {.on = true, .beta = 0.5, .label_smoothing = 0.1};
    const auto fresh = test::make_test_gpu();
    const auto train = [&](Executor& device) {
      const auto model = make_model(config.model, device, dtype, 3);
      Trainer trainer(*model, config.optimizer, config.schedule, 5);
      trainer.minimise(preference_loss(config.preference));
      test::Random random("preferences on a GPU");
      std::vector<double> losses;
      for (int step = 0; step < 5; ++step) {
        Batch batch = test::random_batch(random, config.model, 4);
        batch.reference = {-11, -12, -15, -14};
        {
          const NoGrad none;
          (void)row_log_probabilities(*model, batch_tensor(device, batch, batch.tokens),
                                      batch_tensor(device, batch, batch.targets));
        }
        losses.push_back(trainer.step(batch).loss);
      }
      if (&device == fresh.get()) CHECK(trainer.graphs().replays() == 3);
      return losses;
    };
    const std::vector<double> there = train(*fresh), here = train(cpu());
    for (size_t i = 0; i < here.size(); ++i) {
      INFO("step " << i << ": " << there[i] << " against " << here[i]);
      CHECK(std::abs(there[i] - here[i]) <= 10 * loss_tolerance(dtype));  // of sums over eight targets
    }
    const Plan plan = make_plan(config, target_of(*gpu));
    CHECK(fresh->pool().stats().peak == plan.memory.peak);
    CHECK(fresh->pool().stats().peak_reserved == plan.memory.peak_reserved);
  }
}

TEST_CASE("gpu: a plan divides the head's rows by the memory of the GPU", "[gpu][plan]") {
  const auto gpu = make_small_gpu();
  if (!gpu) return;
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.arch = "bigram_linear";
  config.batch_size = 525;  // 4200 rows
  const Plan plan = make_plan(config, target_of(*gpu));
  if (gpu->isa() == Isa::emulated) CHECK(plan.kernels.at("cross_entropy.fused").calls == 2);
  const auto model = make_model(config.model, *gpu, DType::f32);
  Trainer trainer(*model, config.optimizer, config.schedule, config.seed);
  test::Random random("chunks on a GPU");
  for (int step = 0; step < 2; ++step) {
    const Batch batch = test::random_batch(random, config.model, config.batch_size);
    {
      const NoGrad none;
      (void)model->loss(batch_tensor(*gpu, batch, batch.tokens), batch_tensor(*gpu, batch, batch.targets));
    }
    CHECK(trainer.step(batch).finite);
  }
  CHECK(gpu->pool().stats().peak == plan.memory.peak);
  CHECK(gpu->pool().stats().peak_reserved == plan.memory.peak_reserved);
}

}  // namespace hewn
