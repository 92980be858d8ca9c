#include "apps/run/run_config.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/rng.h"
#include "kernels/gpu/runtime/known.h"
#include "kernels/gpu/runtime/runtime.h"
#include "model/gpt.h"
#include "train/plan.h"

namespace hewn::cli {
namespace {

template <class Enum>
void choose(const Settings& settings, const char* key, Enum& value) {
  parse_name(settings.text(key), value);
}

}  // namespace

std::unique_ptr<Executor> open_device(const Settings& settings) {
  auto device = open_device(settings.text("device"), static_cast<int>(settings.integer("threads")));
  if (settings.given("matmul_precision") && settings.text("matmul_precision") == "tf32") {
    require(device->gpu(), settings.where("matmul_precision"), ": matmul_precision = tf32, but device ",
            device->name(), " has no TF32; leave it out, or compute with --device=cuda");
    device->gpu()->tf32 = true;
  }
  return device;
}

std::unique_ptr<Executor> open_device(const std::string& name, int threads) {
  if (name == "cuda") return make_cuda();
  if (name == "emulated") return make_emulated_gpu();
  require(name == "cpu", "'", name, "' is not a device; there are cpu, cuda and emulated");
  return make_cpu(threads > 0 ? threads : default_threads());
}

DataOptions data_options(const Settings& settings) {
  DataOptions options{.dataset = settings.text("dataset"),
                      .val = settings.text("val"),
                      .val_fraction = settings.real("val_fraction")};
  if (settings.given("tokenizer")) options.tokenizer = settings.text("tokenizer");
  return options;
}

DataSizes data_sizes(const Settings& settings) {
  if (settings.has("vocab_size")) return {.vocab_size = settings.integer("vocab_size")};
  const Dataset data = open_dataset(data_options(settings));
  return {.vocab_size = data.vocab_size, .longest_document = data.longest_document()};
}

ModelConfig model_config(const Settings& s, const DataSizes& data) {
  ModelConfig m;
  m.arch = s.text("arch");
  m.vocab_size = data.vocab_size;
  const bool free = !s.given("block_size") && data.longest_document > 0;
  m.block_size = free ? data.longest_document : s.integer("block_size");
  m.n_layer = s.integer("n_layer");
  m.n_head = s.integer("n_head");
  m.n_kv_head = s.has("n_kv_head") ? s.integer("n_kv_head") : m.n_head;
  m.n_embd = s.integer("n_embd");
  m.mlp_width = s.has("mlp_width") ? s.integer("mlp_width") : 4 * m.n_embd;
  m.dropout = s.real("dropout");
  m.attn_dropout = s.has("attn_dropout") ? s.real("attn_dropout") : m.dropout;
  m.bias = s.flag("bias");
  m.qkv_bias = s.has("qkv_bias") ? s.flag("qkv_bias") : m.bias;
  m.residual = s.flag("residual");
  m.tie = s.flag("tie");
  choose(s, "norm", m.norm);
  m.norm_eps = s.real("norm_eps");
  choose(s, "norm_place", m.norm_place);
  choose(s, "pos", m.pos);
  choose(s, "pos_combine", m.pos_combine);
  m.rope_theta = s.real("rope_theta");
  choose(s, "rope_pairs", m.rope_pairs);
  m.window = s.integer("window");
  choose(s, "attention", m.attention);
  choose(s, "act", m.act);
  m.check();
  return m;
}

TrainConfig train_config(const Settings& s, const ModelConfig& model) {
  TrainConfig c;
  c.model = model;
  choose(s, "optimizer", c.optimizer.kind);
  c.optimizer.weight_decay = s.real("weight_decay");
  c.optimizer.beta1 = s.real("beta1");
  c.optimizer.beta2 = s.real("beta2");
  c.optimizer.grad_clip = s.real("grad_clip");
  c.optimizer.stochastic_rounding = s.flag("stochastic_rounding");
  c.batch_size = s.integer("batch_size");
  c.gradient_accumulation_steps = s.integer("gradient_accumulation_steps");
  c.max_iters = s.integer("max_iters");
  choose(s, "schedule", c.schedule.kind);
  c.schedule.learning_rate = s.real("learning_rate");
  c.schedule.min_lr = s.has("min_lr") ? s.real("min_lr") : c.schedule.learning_rate / 10;
  c.schedule.lr_decay_iters =
      s.has("lr_decay_iters") ? s.integer("lr_decay_iters") : std::max<int64_t>(c.max_iters, 1);
  c.schedule.warmup_iters = s.has("warmup_iters") ? s.integer("warmup_iters")
                                                  : std::min<int64_t>(100, c.schedule.lr_decay_iters / 20);
  c.schedule.decay_lr = s.flag("decay_lr");
  c.max_time = s.real("max_time");
  c.patience = s.integer("patience");
  c.seed = static_cast<uint64_t>(s.integer("seed"));
  c.dtype = dtype_from_name(s.text("dtype"));
  c.recompute = s.flag("recompute");
  c.eval_interval = s.integer("eval_interval");
  c.eval_iters = s.integer("eval_iters");
  c.log_interval = s.integer("log_interval");
  c.always_save_checkpoint = s.flag("always_save_checkpoint");
  c.keep = s.integer("keep");
  c.sample_interval = s.integer("sample_interval");
  c.check();
  return c;
}

void check_memory(const TrainConfig& c, Executor& device) {
  const size_t available = available_memory();
  if (available == 0) return;
  const double batch_bytes = 4.0 * sizeof(int32_t) * static_cast<double>(c.batch_size) *
                             static_cast<double>(c.gradient_accumulation_steps) *
                             static_cast<double>(c.model.block_size);
  if (batch_bytes > static_cast<double>(available))
    fail(ErrorCode::memory, "the tokens of one step alone take ", bytes_text(batch_bytes), ", but ",
         bytes_text(static_cast<double>(available)), " are free; choose a smaller batch_size or block_size");
  GpuRuntime* const gpu = device.gpu();
  const size_t room = gpu ? gpu->properties().memory_bytes : available;
  const PlanTarget target{.threads = device.threads(), .isa = device.isa()};
  const size_t needed = make_plan(c, target).memory.peak_reserved;
  if (needed <= room) return;
  const int64_t fits = largest_batch(c, target, room);
  fail(ErrorCode::memory, "this run needs ", bytes_text(static_cast<double>(needed)), ", but ",
       gpu ? join("device ", device.name(), " has ", bytes_text(static_cast<double>(room)))
           : join(bytes_text(static_cast<double>(room)), " are free"),
       "; ",
       fits > 0 ? join("batch_size up to ", fits, " fits")
                : "no batch_size fits: choose a smaller model or block_size");
}

void note_resolved(Settings& settings, const TrainConfig& c) {
  const auto note = [&](const char* key, const std::string& value) {
    if (!settings.given(key)) settings.set({key, value, "derived"});
  };
  note("block_size", std::to_string(c.model.block_size));
  note("min_lr", real_text(c.schedule.min_lr));
  note("lr_decay_iters", std::to_string(c.schedule.lr_decay_iters));
  note("warmup_iters", std::to_string(c.schedule.warmup_iters));
  note("qkv_bias", c.model.qkv_bias ? "true" : "false");
  note("mlp_width", std::to_string(c.model.mlp_size()));
  note("attn_dropout", real_text(c.model.attention_dropout()));
}

double peak_tokens_per_s(const Model& model, DType dtype) {
  GpuRuntime* const gpu = executor(model.device()).gpu();
  const KnownGpu* const known = gpu ? known_gpu_called(gpu->properties().name) : nullptr;
  const auto* const gpt = dynamic_cast<const Gpt*>(&model);
  return known && gpt ? known->flops(dtype) / product_flops_per_token(*gpt) : 0;
}

Batch random_batch(int64_t rows, int64_t block_size, int64_t vocab_size, uint64_t seed) {
  Batch batch{.rows = rows, .block_size = block_size, .tokens = {}, .targets = {}};
  Rng rng(seed);
  for (std::vector<int32_t>* ids : {&batch.tokens, &batch.targets})
    for (int64_t i = 0; i < rows * block_size; ++i)
      ids->push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab_size))));
  return batch;
}

}  // namespace hewn::cli
