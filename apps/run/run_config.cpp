#include "apps/run/run_config.h"

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/limits.h"
#include "core/rng.h"
#include "kernels/gpu/runtime/known.h"
#include "kernels/gpu/runtime/runtime.h"
#include "model/gpt.h"
#include "train/plan.h"

namespace hewn::cli {
namespace {

// Sets every key of a table that is an option of the command: to its value, or to the value derived from the keys before it.
template <class Keys, class Config>
void read_keys(const Settings& settings, const Keys& keys, Config& config) {
  for (const Key<Config>& key : keys) {
    if (key.from_data || !settings.takes(key.name)) continue;
    if (settings.has(key.name))
      key.set(config, value_of(settings, key.name, key.domain));
    else if (key.derive)
      key.derive(config);
  }
}

// Stores every value that was not given but derived from others.
template <class Keys, class Config>
void note_derived(Settings& settings, const Keys& keys, const Config& config) {
  for (const Key<Config>& key : keys)
    if (!key.follows.empty() && settings.takes(key.name) && !settings.given(key.name))
      settings.set({std::string(key.name), text_of(key.get(config)), "derived"});
}

// "300 MB are free", and why so little if a limit leaves less than the machine has.
std::string free_text(size_t available) {
  const bool limited = memory_within_limits() < machine_memory();
  return join(bytes_text(static_cast<double>(available)), " are free",
              limited ? " within the limits of this process (its container or ulimit)" : "");
}

}  // namespace

KeyValue value_of(const Settings& settings, std::string_view name, const Domain& domain) {
  if (std::holds_alternative<Switch>(domain)) return settings.flag(name);
  if (std::holds_alternative<Integers>(domain)) return settings.integer(name);
  if (std::holds_alternative<Reals>(domain)) return settings.real(name);
  return settings.text(name);
}

std::unique_ptr<Executor> open_device(const Settings& settings, int gpu) {
  auto device = open_device(settings.text("device"), static_cast<int>(settings.integer("threads")), gpu);
  if (settings.given("matmul_precision") && settings.text("matmul_precision") == "tf32") {
    require(device->gpu(), settings.where("matmul_precision"), ": matmul_precision = tf32, but device ",
            device->name(), " has no TF32; leave it out, or compute with --device=cuda");
    device->gpu()->tf32 = true;
  }
  return device;
}

std::unique_ptr<Executor> open_device(const std::string& name, int threads, int gpu) {
  if (name == "cuda") return make_cuda(gpu);
  if (name == "emulated") return make_emulated_gpu();
  require(name == "cpu", "'", name, "' is not a device; expected cpu, cuda or emulated");
  return make_cpu(threads > 0 ? threads : default_threads());
}

Specials specials_of(const Settings& settings) {
  const std::string word = settings.takes("special") ? settings.text("special") : "";
  return word == "allow" ? Specials::allowed : word == "refuse" ? Specials::refused : Specials::as_text;
}

DataOptions data_options(const Settings& settings) {
  DataOptions options{.dataset = settings.text("dataset"),
                      .val = settings.text("val"),
                      .val_fraction = settings.real("val_fraction")};
  options.specials = specials_of(settings);
  if (settings.given("tokenizer")) options.tokenizer = settings.text("tokenizer");
  if (settings.has("vocab_size")) options.vocab_size = settings.integer("vocab_size");
  return options;
}

DataSizes data_sizes(const Settings& settings) {
  if (settings.has("vocab_size")) return {.vocab_size = settings.integer("vocab_size")};
  const Dataset data = open_dataset(data_options(settings));
  return {.vocab_size = data.vocab_size, .longest_document = data.longest_document()};
}

ModelConfig model_config(const Settings& s, const DataSizes& data) {
  ModelConfig m;
  m.vocab_size = data.vocab_size;
  if (s.takes("n_labels")) m.n_labels = s.integer("n_labels");
  read_keys(s, model_keys, m);
  if (!s.given("block_size") && data.longest_document > 0) m.block_size = data.longest_document;
  m.check();
  return m;
}

TrainConfig train_config(const Settings& s, const ModelConfig& model) {
  TrainConfig c;
  c.model = model;
  read_keys(s, training_keys, c);
  read_keys(s, preference_keys, c);
  read_keys(s, watching_keys, c);
  if (!c.training.adapts())
    for (const auto& key : training_keys)
      require(!key.name.starts_with("lora_") || key.get(c) == key.get(TrainConfig{}), s.where(key.name), ": ",
              key.name, " has no effect with train = ", c.training.what,
              "; add --train=lora, or leave it out");
  if (model.arch == "ngram") c.max_iters = 0;  // its training comes before the first step
  c.check();
  return c;
}

std::vector<Assignment> model_settings(const ModelConfig& model, const std::string& where) {
  const ModelConfig resolved = model.resolved();
  std::vector<Assignment> values;
  for (const auto& key : model_keys)
    if (!key.from_data) values.push_back({std::string(key.name), text_of(key.get(resolved)), where});
  return values;
}

void check_memory(const TrainConfig& c, Executor& device) {
  const size_t available = available_memory();
  if (available == 0 || c.model.arch == "ngram") return;
  const double batch_bytes = 4.0 * sizeof(int32_t) * static_cast<double>(c.rows()) *
                             static_cast<double>(c.gradient_accumulation_steps) *
                             static_cast<double>(c.longest_row());
  if (batch_bytes > static_cast<double>(available))
    fail(ErrorCode::memory, "the tokens of one step take ", bytes_text(batch_bytes), ", but only ",
         free_text(available), "; choose a smaller batch_size or block_size");
  GpuRuntime* const gpu = device.gpu();
  const size_t room = gpu ? gpu->properties().memory_bytes : available;
  const PlanTarget target = target_of(device);
  const size_t needed = make_plan(c, target).memory.peak_reserved;
  if (needed <= room) return;
  const int64_t fits = largest_batch(c, target, room);
  fail(ErrorCode::memory, "this run needs ", bytes_text(static_cast<double>(needed)), ", but ",
       gpu ? join("device ", device.name(), " has ", bytes_text(static_cast<double>(room))) : free_text(room),
       "; ",
       fits > 0 ? join("batch_size up to ", fits, " fits")
                : "no batch_size fits: choose a smaller model or block_size");
}

void check_parameter_memory(const ModelConfig& config, int64_t bytes_each) {
  const double needed =
      static_cast<double>(declare_model(config)->parameters().numel()) * static_cast<double>(bytes_each);
  const size_t available = available_memory();
  if (available > 0 && needed > static_cast<double>(available))
    fail(ErrorCode::memory, "the parameters and gradients of this model take ", bytes_text(needed),
         ", but only ", free_text(available), "; choose a smaller model");
}

void note_resolved(Settings& settings, const TrainConfig& c) {
  note_derived(settings, model_keys, c.model);
  note_derived(settings, training_keys, c);
  note_derived(settings, watching_keys, c);
}

double peak_tokens_per_s(const Model& model, DType dtype) {
  GpuRuntime* const gpu = executor(model.device()).gpu();
  const KnownGpu* const known = gpu ? known_gpu_called(gpu->properties().name) : nullptr;
  const auto* const gpt = dynamic_cast<const Gpt*>(&model);
  return known && gpt && !gpt->config().classifies() ? known->flops(dtype) / product_flops_per_token(*gpt)
                                                     : 0;
}

Batch random_batch(int64_t rows, const ModelConfig& model, uint64_t seed) {
  const int64_t T = model.block_size;
  Batch batch{.rows = rows, .block_size = T, .tokens = {}, .targets = {}};
  Rng rng(seed);
  const auto below = [&](int64_t n) { return static_cast<int32_t>(rng.below(static_cast<uint64_t>(n))); };
  for (int64_t i = 0; i < rows * T; ++i) batch.tokens.push_back(below(model.vocab_size));
  for (int64_t i = 0; i < rows * T; ++i) {
    const bool counts =
        !model.classifies() || i % T == T - 1;  // a text's label is the target of its last token
    batch.targets.push_back(counts ? below(model.outputs()) : ignored_target);
  }
  return batch;
}

}  // namespace hewn::cli
