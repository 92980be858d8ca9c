#include "model/weights/export.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/io/path.h"
#include "core/rng.h"
#include "kernels/devices/devices.h"
#include "model/config_json.h"
#include "model/weights/export_formats.h"
#include "model/weights/huggingface/huggingface_names.h"
#include "model/weights/safetensors/safetensors.h"

namespace hewn {
namespace {

struct ExportFormat {
  std::string_view name;
  Exported (*write)(const ForeignModel&, const std::string&, const ExportOptions&);
};

constexpr ExportFormat export_table[] = {{"hf", exporting::write_huggingface},
                                         {"safetensors", exporting::write_own},
                                         {"llama2c", exporting::write_llama2c},
                                         {"gguf", exporting::write_gguf}};

bool is_gelu(MlpActivation act) { return act == Activation::gelu_tanh || act == Activation::gelu_erf; }

/// Only the two GELUs are close enough to replace each other.
void check_activation(const ModelConfig& config, const ExportOptions& options) {
  if (!options.act || *options.act == config.act) return;
  require(is_gelu(*options.act) && is_gelu(config.act), "act = ", name_of(*options.act),
          ", but the model has ", name_of(config.act), "; only gelu and gelu_erf can replace each other");
}

/// A note on the difference between the logits of random tokens with the model's activation and with another one.
std::string activation_note(const ForeignModel& model, MlpActivation act) {
  constexpr int64_t windows = 4;
  const NoGrad none;
  const auto device = make_cpu(default_threads());
  const auto own = load_foreign(model, *device);
  ModelConfig changed = model.config;
  changed.act = act;
  const auto other = declare_model(changed);
  other->parameters().adopt(*device, DType::f32, [&](const Parameter& p) {
    Tensor& value = own->parameters().find(p.name)->value;
    return Storage::borrow(*device, value.data(), value.bytes(), value.storage());
  });
  const int64_t length = std::min<int64_t>(model.config.block_size, 32);
  Rng rng(1);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < windows * length; ++i)
    ids.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(model.config.vocab_size))));
  const Tensor tokens = Tensor::from(*device, ids, Shape{windows, length});
  const std::vector<double> ours = own->logits(tokens).doubles(), theirs = other->logits(tokens).doubles();
  double largest = 0, squares = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(ours[i] - theirs[i]));
    squares += ours[i] * ours[i];
  }
  return join("warning: act = ", name_of(act), " replaces ", name_of(model.config.act), ": on ", windows,
              " windows of ", length, " random tokens the logits differ by at most ", largest,
              "; their root mean square is ", std::sqrt(squares / static_cast<double>(ours.size())));
}

}  // namespace

std::vector<std::string_view> export_formats() {
  std::vector<std::string_view> names;
  for (const ExportFormat& format : export_table) names.push_back(format.name);
  return names;
}

Exported export_model(const ForeignModel& model, std::string_view name, const std::string& path,
                      const ExportOptions& options) {
  const auto* format = std::find_if(std::begin(export_table), std::end(export_table),
                                    [&](const ExportFormat& f) { return f.name == name; });
  require(format != std::end(export_table), "\"", name, "\" is not an export format");
  require(!path.empty(), "the output path is empty; give --out=PATH");
  require(options.force || !path_exists(path, ErrorCode::failed), path,
          " already exists; write elsewhere, or replace it with --force");
  require(options.block_size >= 0 && options.block_size <= model.config.block_size,
          "block_size = ", options.block_size, " is longer than the model's ", model.config.block_size);
  require(!options.quantise || name == "gguf", "only gguf files hold quantised weights, not ", name);
  check_activation(model.config, options);
  const Doing context("exporting to ", path);
  Exported done = format->write(model, path, options);
  if (options.act && *options.act != model.config.act)
    done.notes.insert(done.notes.begin(), activation_note(model, *options.act));
  bool wide = false;
  model.tensors->each([&](const TensorEntry& entry) { wide |= entry.dtype == DType::f64; });
  if (wide && !options.quantise)
    done.notes.push_back("the model's weights are f64, but are written as " +
                         std::string(name_of(options.dtype)));
  return done;
}

namespace exporting {

Family family_of(const ModelConfig& c, const char* format) {
  require(c.arch == "gpt", format, " cannot express this model: arch = ", c.arch, "; expected gpt");
  return c.pos == Positions::rotary ? Family::llama : Family::gpt2;
}

namespace {

// The configuration with the defaults of all keys that this model does not use, and of those that change precision or
// training only.
ModelConfig as_computed(const ModelConfig& given) {
  const ModelConfig usual;
  ModelConfig c = given.resolved();
  if (c.pos != Positions::rotary) c.rope_theta = usual.rope_theta, c.rope_pairs = usual.rope_pairs;
  if (c.pos != Positions::sinusoidal) c.pos_scale = usual.pos_scale;
  if (!c.concatenates()) c.pos_combine = usual.pos_combine;
  if (c.window >= c.block_size) c.window = 0;
  c.residual_dtype = usual.residual_dtype;
  return c;
}

bool same_number(const KeyValue& one, const KeyValue& other) {
  const auto *x = std::get_if<double>(&one), *y = std::get_if<double>(&other);
  return x && y ? static_cast<float>(*x) == static_cast<float>(*y) : one == other;
}

}  // namespace

void require_same_model(const char* format, const ModelConfig& as, const std::function<ModelConfig()>& read) {
  const ModelConfig ours = as_computed(as), theirs = [&] {
    try {
      return as_computed(read());
    } catch (const Error& error) {
      throw Error(ErrorCode::usage, join(format, " cannot express this model: ", error.what()));
    }
  }();
  std::string wrong;
  for (const auto& key : model_keys) {
    const KeyValue value = key.get(ours), found = key.get(theirs);
    if (key.change == Change::always || same_number(value, found)) continue;
    wrong += join("\n  ", key.name, " = ", text_of(value), "; expected ", text_of(found));
    if (key.name == "act" && is_gelu(ours.act) && is_gelu(theirs.act))
      wrong += join(" (--act=", text_of(found), " writes that and measures the difference)");
  }
  require(wrong.empty(), format, " cannot express this model:", wrong,
          as.pos == Positions::rotary ? "\nWith pos = rope, it is a model of Llama's kind." : "");
}

ModelConfig recast_config(const ModelConfig& config, const ExportOptions& options, Family family,
                          RotaryPairs pairs) {
  ModelConfig as = config;
  if (options.block_size > 0) as.block_size = options.block_size;
  if (options.act) as.act = *options.act;
  if (as.window >= as.block_size) as.window = 0;
  if (family == Family::gpt2) as.bias = true;
  as.qkv_bias = as.bias;
  if (family == Family::llama) as.rope_pairs = pairs;
  return as;
}

Exported write_own(const ForeignModel& model, const std::string& path, const ExportOptions& options) {
  ModelConfig as = model.config;
  if (options.block_size > 0) as.block_size = options.block_size;
  if (options.act) as.act = *options.act;
  Outgoing outgoing(model, as, gpt2_naming());
  std::vector<TensorEntry> entries = outgoing.entries();
  for (TensorEntry& entry : entries) entry.dtype = options.dtype;
  SafetensorsWriter writer(path, entries, {{"format", "pt"}, {"hewn.config", to_json(as)}});
  outgoing.write(entries, [&](const std::string& name, const void* data, size_t bytes) {
    writer.append(name, data, bytes);
  });
  writer.finish();
  return {.files = {path}, .notes = {}};
}

}  // namespace exporting
}  // namespace hewn
