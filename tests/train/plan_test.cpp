// hewn plan's prediction against what the allocator really hands out.

#include <algorithm>
#include <limits>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "kernels/gpu/runtime/known.h"
#include "kernels/matmul/gpu/gpu_plan.h"
#include "model/config_json.h"
#include "model/generation/context.h"
#include "model/gpt.h"
#include "tests/train/tiny.h"
#include "train/data/batch_tensors.h"
#include "train/plan.h"
#include "train/tasks/preference/reference.h"

namespace hewn {
namespace {

TrainConfig random_config(test::Random& random) {
  ModelConfig m;
  m.arch = random.integer(0, 3) > 0
               ? "gpt"
               : random.one_of<std::string>({"rnn", "lstm", "lstm", "bigram", "bigram_linear"});
  m.vocab_size = random.integer(2, 300);
  m.block_size = random.integer(1, 80);
  m.n_layer = random.integer(1, 3);
  m.n_head = random.integer(1, 4);
  m.n_kv_head = random.integer(0, 1) == 0 ? 0 : m.n_head % 2 == 0 ? m.n_head / 2 : 1;
  m.window = random.integer(0, 1) * random.integer(1, 90);
  m.n_embd = m.n_head * 2 * random.integer(1, 12);
  m.mlp_width = random.integer(0, 1) * random.integer(1, 200);
  m.dropout = 0.1 * static_cast<double>(random.integer(0, 2));
  m.attn_dropout = random.integer(0, 1) == 0 ? -1 : 0.1 * static_cast<double>(random.integer(0, 2));
  m.bias = random.integer(0, 1) == 0;
  m.qkv_bias = m.bias && random.integer(0, 1) == 0;
  m.residual = random.integer(0, 4) > 0;
  m.tie = random.integer(0, 1) == 0;
  m.norm = random.one_of<NormKind>({NormKind::layernorm, NormKind::rmsnorm});
  m.norm_place = random.one_of<NormPlace>({NormPlace::pre, NormPlace::post});
  m.pos = random.one_of<Positions>(
      {Positions::learned, Positions::sinusoidal, Positions::rotary, Positions::none});
  m.attention =
      random.one_of<AttentionForm>({AttentionForm::per_head, AttentionForm::batched, AttentionForm::fused});
  std::vector<MlpActivation> acts;
  for_each_mlp_activation([&](MlpActivation act, std::string_view) { acts.push_back(act); });
  m.act = random.one_of(acts);
  if (m.arch == "gpt" && random.integer(0, 3) == 0) {
    m.n_labels = random.integer(2, 5);
    m.position = random.one_of<LabelPosition>({LabelPosition::last, LabelPosition::mean});
  }
  TrainConfig config{.model = m, .optimizer = {}, .schedule = {}};
  config.optimizer.kind =
      random.one_of<OptimizerKind>({OptimizerKind::adamw, OptimizerKind::adam, OptimizerKind::sgd});
  config.recompute = random.integer(0, 2) == 0;
  config.batch_size = random.integer(1, 6);
  config.gradient_accumulation_steps = random.integer(1, 4);
  while (config.gradient_accumulation_steps % (2 * config.grad_shards) == 0 && random.integer(0, 1) == 0)
    config.grad_shards *= 2;
  config.dtype = random.one_of<DType>({DType::f32, DType::f32, DType::f64, DType::bf16});
  config.optimizer.stochastic_rounding = config.dtype == DType::bf16 && random.integer(0, 1) == 0;
  if (m.arch == "gpt")
    config.training.what = random.one_of<std::string>(
        {"all", "all", "head", "lora", "lora", "last:" + std::to_string(random.integer(1, m.n_layer))});
  config.preference.on = !m.classifies() && random.integer(0, 3) == 0;
  config.preference.label_smoothing = 0.1 * static_cast<double>(random.integer(0, 1));
  config.training.lora = {.rank = random.integer(1, 9),
                          .dropout = 0.1 * static_cast<double>(random.integer(0, 1)),
                          .layers = random.one_of<std::string>({"", "c_attn", "*.mlp.*"})};
  return config;
}

Batch random_batch(const TrainConfig& config, test::Random& random) {
  Batch batch = test::random_batch(random, config.model, config.rows());
  if (config.model.classifies()) {  // a label at the end of each row
    batch.targets.assign(batch.targets.size(), ignored_target);
    for (int64_t row = 0; row < batch.rows; ++row)
      batch.targets[static_cast<size_t>((row + 1) * batch.block_size - 1)] =
          static_cast<int32_t>(random.integer(0, config.model.n_labels - 1));
  }
  if (!config.preference.on) return batch;
  batch.reference.assign(static_cast<size_t>(batch.rows), -1);
  return batch;
}

/// The same work on a device that runs: `steps` steps on random batches, and an evaluation before every other
/// one.
MemStats measured(const TrainConfig& config, Executor& device, test::Random& random, int steps,
                  bool evaluates = true) {
  const auto model = make_model(config.model, config.training, device, config.dtype, config.seed);
  Trainer trainer(*model, config);
  if (config.preference.on) trainer.minimise(preference_loss(config.preference));
  const auto draw = [&] { return random_batch(config, random); };
  for (int step = 0; step < steps; ++step) {
    if (evaluates && step % 2 == 0) {
      const NoGrad none;
      const Batch batch = draw();
      const Tensor tokens = batch_tensor(device, batch, batch.tokens),
                   targets = batch_tensor(device, batch, batch.targets);
      (void)(config.preference.on ? row_log_probabilities(*model, tokens, targets)
                                  : model->loss(tokens, targets));
    }
    std::vector<Batch> batches;
    for (int64_t m = 0; m < config.gradient_accumulation_steps; ++m) batches.push_back(draw());
    trainer.step(batches);
  }
  return device.pool().stats();
}

}  // namespace

TEST_CASE("batches of rows up to max_length need the planned memory, in a pool that keeps within it",
          "[plan]") {
  test::Random random("lengths");
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.block_size = 200;
  config.model.n_labels = 3;
  config.batch_size = 4;
  config.max_length = 60;
  const size_t planned = make_plan(config, target_of(*make_cpu(1))).memory.peak_reserved;
  const auto device = make_cpu(1);
  device->pool().keep_within(planned);
  const auto model = make_model(config.model, *device, config.dtype);
  Trainer trainer(*model, config.optimizer, config.schedule, config.seed);
  const auto step = [&](int64_t T) {
    Batch batch{.rows = 4, .block_size = T, .tokens = {}, .targets = {}};
    for (int64_t i = 0; i < 4 * T; ++i) {
      batch.tokens.push_back(static_cast<int32_t>(random.integer(0, 10)));
      batch.targets.push_back(i % T == T - 1 ? static_cast<int32_t>(random.integer(0, 2)) : ignored_target);
    }
    trainer.step(batch);
  };
  for (int i = 0; i < 20; ++i) step(random.integer(1, 60));
  step(60);
  CHECK(device->pool().stats().peak_reserved <= planned);
  config.max_length = 201;
  CHECK_ERROR(config.check(), ErrorCode::usage, "max_length = 201");
}

TEST_CASE("a plan predicts the peak memory of any configuration to the byte", "[plan]") {
  test::Random random("plan");
  for (int repeat = 0; repeat < test::repeats(25, 200); ++repeat) {
    const TrainConfig config = random_config(random);
    const int threads = static_cast<int>(random.integer(1, 4));
    INFO("config " << repeat << ", " << threads << " threads, batch_size " << config.batch_size << "\n"
                   << to_json(config.model));
    const Plan plan = make_plan(config, {.threads = threads, .isa = best_isa()});
    const auto device = make_cpu(threads);
    const MemStats real = measured(config, *device, random, 4);
    CHECK(plan.memory.peak == real.peak);
    CHECK(plan.memory.peak_reserved == real.peak_reserved);
    const auto no_evaluations = make_cpu(threads);
    // The plan includes evaluations. In a tiny model the peak can be in one of them: its tokens, targets and
    // loss come beside what the trainer keeps.
    const size_t without = measured(config, *no_evaluations, random, 3, false).peak;
    CHECK(without <= plan.memory.peak);
    const size_t ids = static_cast<size_t>(config.rows() * config.model.block_size) * sizeof(int32_t);
    CHECK(without + 2 * test::allocated(ids) + test::allocated(1) >= plan.memory.peak);
    CHECK(plan.memory.live_by_use[static_cast<int>(MemUse::parameter)] > 0);
    int64_t parameters = 0;
    for (const auto& part : plan.parameters) parameters += part.second;
    CHECK(parameters == plan.total_parameters);
    size_t at_peak = 0;
    for (const MemTagStats& tag : plan.by_tag) at_peak += tag.at_peak;
    CHECK(at_peak == plan.memory.peak);
  }
}

TEST_CASE("a plan predicts the memory of a text's keys and values to the byte", "[plan]") {
  for (const char* arch : {"gpt", "lstm"})
    for (const KvFormat kv : {KvFormat::f32, KvFormat::bf16, KvFormat::q8_0})
      for (const DType dtype : {DType::f32, DType::f64}) {
        if (kv != KvFormat::f32 && (dtype == DType::f64 || std::string_view(arch) != "gpt")) continue;
        TrainConfig config;
        config.dtype = dtype;
        config.model = {
            .arch = arch, .vocab_size = 40, .block_size = 150, .n_layer = 3, .n_head = 2, .n_embd = 36};
        INFO(arch << ", " << name_of(kv) << ", " << name_of(dtype));
        const auto device = make_cpu(2);
        const auto model = make_model(config.model, *device, dtype, 1, false);
        const NoGrad none;
        auto context = std::make_unique<Context>(*model, ContextOptions{.kv = kv});
        for (int i = 0; i < 150; ++i) context->push({i % 40});
        (void)context->next_logits();
        const size_t with = device->pool().stats().live;
        context.reset();
        CHECK(with - device->pool().stats().live == cache_bytes(config, target_of(*device), kv));
      }
}

TEST_CASE("no memory is requested from the system after the second step", "[plan]") {
  test::Random random("steady");
  for (int repeat = 0; repeat < test::repeats(5, 50); ++repeat) {
    const TrainConfig config = random_config(random);
    const int threads = 1 + repeat % 3;
    INFO("config " << repeat << ", " << threads << " threads\n" << to_json(config.model));
    const auto calls = [&](int steps, bool evaluates) {
      const auto device = make_cpu(threads);
      return measured(config, *device, random, steps, evaluates).system_calls;
    };
    CHECK(calls(2, false) == calls(8, false));
    // An evaluation between steps finds other blocks free than the one before the first.
    CHECK(calls(5, true) == calls(12, true));
  }
}

// What the tape, tensors and names of scopes take from the C++ heap goes back to it and is found there again.
#ifdef __GLIBC__
TEST_CASE("the heap does not grow after the second step", "[plan]") {
  test::Random random("heap");
  const TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  const auto device = make_cpu(1);
  const auto model = make_model(config.model, *device, DType::f32);
  Trainer trainer(*model, config.optimizer, config.schedule, 1);
  const Batch batch = test::random_batch(random, config.model, 6);
  const auto from_system = [] {
    const struct mallinfo2 heap = mallinfo2();
    return heap.arena + heap.hblkhd;
  };
  for (int step = 0; step < 2; ++step) trainer.step(batch);
  const size_t before = from_system();
  for (int step = 0; step < 10; ++step) trainer.step(batch);
  CHECK(from_system() == before);
}
#endif

TEST_CASE("the largest batch fits and a slightly larger one does not", "[plan]") {
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  const PlanTarget target{.threads = 2, .isa = best_isa()};
  for (const int64_t batch_size : {1, 7, 300}) {
    config.batch_size = batch_size;
    const size_t bytes = make_plan(config, target).memory.peak_reserved;
    const int64_t largest = largest_batch(config, target, bytes);
    INFO(bytes << " bytes, batch " << largest << ", surely " << batch_size);
    REQUIRE(largest >= batch_size - batch_size / 64);
    config.batch_size = largest;
    CHECK(make_plan(config, target).memory.peak_reserved <= bytes);
    config.batch_size = largest + std::max<int64_t>(1, largest / 32);
    CHECK(make_plan(config, target).memory.peak_reserved > bytes);
  }
  CHECK(largest_batch(config, target, 1000) == 0);
  CHECK(largest_batch(config, target, std::numeric_limits<size_t>::max()) ==
        1 << 20);  // no larger one is accepted
}

TEST_CASE("the FLOPs that MFU counts are those of the products of a step", "[plan]") {
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.n_embd = 64;
  config.model.vocab_size = 100;
  config.model.block_size = 40;
  for (const bool tie : {true, false})
    for (const int64_t window : {0, 7}) {
      config.model.tie = tie;
      config.model.window = window;
      INFO(tie << " " << window);
      Plan plan = make_plan(config, {.threads = 1, .isa = best_isa()});
      // Of attention two dot products per pair and head are meant, and twice as many backwards, where the
      // kernel has five; in its cost stands the softmax too, 11 per pair.
      const double dot = 4 * static_cast<double>(config.model.n_embd / config.model.n_head);
      const double products = plan.kernels["matmul"].cost.flops +
                              3 * plan.kernels["attention.forward"].cost.flops * dot / (dot + 11);
      const auto device = make_meta(1, best_isa());
      const auto model = make_model(config.model, *device);
      const auto tokens = static_cast<double>(config.batch_size * config.model.block_size);
      CHECK(product_flops_per_token(dynamic_cast<const Gpt&>(*model)) * tokens ==
            Approx(products).epsilon(0.02));
    }
}

namespace {

/// Counts the products of bf16 operands, and those with rows that are not aligned to 16 bytes.
class AlignedProducts final : public Profiler {
 public:
  void launching(const char* op, const void* args) override {
    if (std::string_view(op) != ladder_of(Matmul{}).op) return;
    const Matmul& m = *static_cast<const Matmul*>(args);
    if (m.dtype != DType::bf16) return;
    ++products;
    unaligned += !bf16_rows_are_wide(m.a, m.lda, m.a_step) || !bf16_rows_are_wide(m.b, m.ldb, m.b_step);
  }
  void launched(const char*, const char*, const Cost&) override {}
  int products = 0, unaligned = 0;
};

}  // namespace

// GPT-2 with n_layer layers, 64 texts of 1024 tokens a step.
static TrainConfig gpt2_in_bf16(int64_t n_layer) {
  TrainConfig config{.model = {}, .optimizer = {}, .schedule = {}};
  config.model = {
      .vocab_size = 50257, .block_size = 1024, .n_layer = n_layer, .n_head = 12, .n_embd = 768, .bias = true};
  config.batch_size = 64;
  config.dtype = DType::bf16;
  return config;
}

static PlanTarget target_of(const KnownGpu& gpu) {
  return {.threads = gpu.multiprocessors, .isa = Isa::cuda, .memory_bytes = gpu.memory_bytes};
}

TEST_CASE("the head of GPT-2 on a GPU: two chunks, aligned products, every logit computed once", "[plan]") {
  TrainConfig config = gpt2_in_bf16(1);
  const KnownGpu& h100 = *known_gpu("h100");
  const PlanTarget target = target_of(h100);
  AlignedProducts products;
  const Plan plan = make_plan(config, target, &products);
  CHECK(plan.kernels.at("cross_entropy.fused").calls == 2);
  CHECK(plan.kernels.count("cross_entropy.forward") == 0);
  CHECK(products.products == 4 * 3 + 2 * 3);  // those of the layer; of each chunk logits, dx, dW
  CHECK(products.unaligned == 0);
  CHECK(plan.memory.peak_reserved < h100.memory_bytes);
  config.model.vocab_size = 50304;
  const Plan padded = make_plan(config, target);
  CHECK(padded.memory.peak_reserved - plan.memory.peak_reserved < size_t{3} << 20);
}

TEST_CASE("a step of GPT-2 in mixed precision moves no more than its activations in bf16", "[plan]") {
  TrainConfig config = gpt2_in_bf16(12);
  const KnownGpu& h100 = *known_gpu("h100");
  const PlanTarget target = target_of(h100);
  AlignedProducts products;
  const Plan plan = make_plan(config, target, &products);
  double all = 0, besides = 0, flops = 0;  // of all kernels; without products, attention and classifier
  for (const auto& [op, kernel] : plan.kernels) {
    all += kernel.cost.bytes, flops += kernel.cost.flops;
    if (op != "matmul" && !op.starts_with("attention.") && op != "cross_entropy.fused")
      besides += kernel.cost.bytes;
  }
  CHECK(plan.floor_seconds(h100.flops(DType::bf16), h100.bytes_per_s) <= 0.072);
  CHECK(flops <= 54e12);
  CHECK(all <= 150e9);
  CHECK(besides <= 24e9);
  CHECK(plan.launches.size() <= 420);
  CHECK(products.unaligned == 0);
  CHECK(plan.memory.peak_reserved < h100.memory_bytes);
  CHECK(plan.kernels.count("copy") == 0);  // nothing is only converted
  config.model.residual_dtype = DType::f32;
  CHECK(make_plan(config, target).memory.peak > plan.memory.peak);
}

TEST_CASE("recomputing blocks saves activation memory, and a plan predicts how much", "[plan]") {
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.n_layer = 6;
  config.model.block_size = 64;
  const auto peak = [&](bool recompute) {
    config.recompute = recompute;
    const Plan plan = make_plan(config, {.threads = 1, .isa = best_isa()});
    const auto device = make_cpu(1);
    test::Random random("recompute");
    const MemStats real = measured(config, *device, random, 4);
    CHECK(plan.memory.peak == real.peak);
    CHECK(plan.memory.peak_reserved == real.peak_reserved);
    return plan.memory.at_peak_by_use[static_cast<int>(MemUse::activation)];
  };
  CHECK(peak(true) * 2 < peak(false));
}

TEST_CASE("a plan counts the work of a step", "[plan]") {
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  const Plan one = make_plan(config, {.threads = 1, .isa = best_isa()});
  CHECK(one.flops_per_token > 6.0 * static_cast<double>(one.total_parameters) * 0.5);
  CHECK(one.kernels.size() > 5);
  CHECK(one.kernels.at("optimizer.update").calls == 1);
  CHECK(one.floor_seconds(1e9, 1e9) > 0);
  CHECK(one.floor_seconds(1e9, 1e9) == Approx(one.floor_seconds(2e9, 2e9) * 2));
  config.model.n_head = 3;
  CHECK_ERROR(make_plan(config, {}), ErrorCode::usage, "n_head");
}

}  // namespace hewn
