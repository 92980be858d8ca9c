#include "model/weights/huggingface.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "kernels/devices.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t max_json_bytes = size_t{64} << 20;

/// What `read` returns; JSON that is not as expected becomes an Error.
template <class Read>
auto as_input(const Read& read) -> decltype(read()) {
  try {
    return read();
  } catch (const json::exception& error) {
    fail(ErrorCode::input, error.what());
  }
}

/// Absent, null or equal to what this program does.
void require_usual(const json& config, const char* key, const json& usual) {
  if (!config.contains(key) || config[key].is_null() || config[key] == usual) return;
  fail(ErrorCode::input, "its ", key, " is ", config[key].dump(), "; only ", usual.dump(), " is supported");
}

template <class T>
T value_or(const json& config, const char* key, T otherwise) {
  return config.contains(key) && !config[key].is_null() ? config[key].get<T>() : otherwise;
}

ModelConfig gpt2_config(const json& config) {
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"})
    require_usual(config, key, false);
  require_usual(config, "scale_attn_weights", true);
  ModelConfig c;
  c.vocab_size = config.at("vocab_size");
  c.block_size = config.contains("n_positions") ? config["n_positions"] : config.at("n_ctx");
  c.n_layer = config.at("n_layer");
  c.n_head = config.at("n_head");
  c.n_embd = config.at("n_embd");
  c.mlp_width = value_or<int64_t>(config, "n_inner", 0);
  c.norm_eps = value_or(config, "layer_norm_epsilon", 1e-5);
  c.tie = value_or(config, "tie_word_embeddings", true);
  const auto act = value_or<std::string>(config, "activation_function", "gelu_new");
  if (act == "gelu_new" || act == "gelu_pytorch_tanh") return c;
  if (act == "gelu") return c.act = MlpActivation::gelu_erf, c;
  if (act == "relu") return c.act = MlpActivation::relu, c;
  if (act == "silu" || act == "swish") return c.act = MlpActivation::silu, c;
  fail(ErrorCode::input, "its activation_function is \"", act,
       "\"; gelu_new, gelu, relu and silu are supported");
}

ModelConfig llama_config(const json& config) {
  require_usual(config, "hidden_act", "silu");
  ModelConfig c;
  c.vocab_size = config.at("vocab_size");
  c.block_size = config.at("max_position_embeddings");
  c.n_layer = config.at("num_hidden_layers");
  c.n_head = config.at("num_attention_heads");
  c.n_kv_head = value_or<int64_t>(config, "num_key_value_heads", c.n_head);
  c.n_embd = config.at("hidden_size");
  c.mlp_width = config.at("intermediate_size");
  c.norm = NormKind::rmsnorm;
  c.norm_eps = value_or(config, "rms_norm_eps", 1e-6);
  c.pos = Positions::rotary;
  c.act = MlpActivation::swiglu;
  c.tie = value_or(config, "tie_word_embeddings", false);
  c.window = value_or<int64_t>(config, "sliding_window", 0);
  c.bias = value_or(config, "attention_bias", false);
  if (c.bias != value_or(config, "mlp_bias", false))
    fail(ErrorCode::input, "it has biases in only one of attention and MLP; only both or none are supported");
  // transformers 5 keeps the base among rope_parameters, earlier ones beside the others.
  const json rope = value_or(config, "rope_parameters", value_or(config, "rope_scaling", json::object()));
  const auto type = value_or<std::string>(rope, "rope_type", value_or<std::string>(rope, "type", "default"));
  if (type != "default")
    fail(ErrorCode::input, "its rotary positions are scaled (\"", type, "\"); only \"default\" is supported");
  c.rope_theta = value_or(rope, "rope_theta", value_or(config, "rope_theta", 10000.0));
  if (c.n_head > 0) require_usual(config, "head_dim", c.n_embd / c.n_head);
  return c;
}

/// Where a parameter of ours comes from: tensors side by side, turned where theirs are [out, in].
struct Origin {
  std::vector<std::string> names;
  bool turned = false;
};

Origin llama_origin(const std::string& name) {
  if (name == "transformer.wte.weight") return {{"model.embed_tokens.weight"}};
  if (name == "transformer.ln_f.weight") return {{"model.norm.weight"}};
  if (name == "lm_head.weight") return {{name}};
  constexpr std::string_view block = "transformer.h.";
  const size_t layer_end = name.find('.', block.size());
  const std::string layer = "model.layers." + name.substr(block.size(), layer_end - block.size()) + ".";
  const size_t part_end = name.rfind('.');
  const std::string part = name.substr(layer_end + 1, part_end - layer_end - 1), kind = name.substr(part_end);
  Origin origin;
  const auto from = [&](std::initializer_list<const char*> theirs, bool turned) {
    for (const char* one : theirs) origin.names.push_back(layer + one + kind);
    origin.turned = turned && kind == ".weight";
  };
  if (part == "ln_1") from({"input_layernorm"}, false);
  if (part == "attn.c_attn") from({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, true);
  if (part == "attn.c_proj") from({"self_attn.o_proj"}, true);
  if (part == "ln_2") from({"post_attention_layernorm"}, false);
  if (part == "mlp.c_fc") from({"mlp.gate_proj", "mlp.up_proj"}, true);
  if (part == "mlp.c_proj") from({"mlp.down_proj"}, true);
  return origin;
}

/// The files of tensors of a directory, as one.
class TensorFiles {
 public:
  explicit TensorFiles(const fs::path& directory) {
    const fs::path index = directory / "model.safetensors.index.json";
    std::set<std::string> names{"model.safetensors"};
    if (fs::exists(index)) names = files_of(index);
    for (const std::string& name : names)
      files_.push_back(std::make_unique<SafetensorsFile>((directory / name).string()));
  }

  const TensorEntry* find(const std::string& name) const {
    for (const auto& file : files_)
      if (const TensorEntry* entry = file->find(name)) return entry;
    return nullptr;
  }

  template <class Use>
  void each(const Use& use) const {
    for (const auto& file : files_)
      for (const TensorEntry& entry : file->entries()) use(entry);
  }

 private:
  static std::set<std::string> files_of(const fs::path& index) {
    const Doing context("reading ", index.string());
    return as_input([&] {
      const json index_json = json::parse(read_small_file(index.string(), max_json_bytes));
      std::set<std::string> names;
      for (const auto& [tensor, file] : index_json.at("weight_map").items()) {
        const auto name = file.get<std::string>();
        if (name.empty() || name.find('/') != name.npos || name == ".." || name.find('\0') != name.npos)
          fail(ErrorCode::input, "the file of tensor ", tensor, " is ", file.dump(),
               "; expected a name in this directory");
        names.insert(name);
      }
      if (names.empty()) fail(ErrorCode::input, "it names no files");
      return names;
    });
  }
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
};

/// Tensors that belong to a model but are no parameters of it: masks, frequencies, a second copy of a tied
/// head.
bool is_no_parameter(const std::string& name, bool tied) {
  const std::string_view n = name;
  return n.ends_with(".attn.bias") || n.ends_with(".attn.masked_bias") ||
         n.ends_with(".rotary_emb.inv_freq") || (tied && n == "lm_head.weight");
}

class Loader {
 public:
  Loader(const TensorFiles& files, Model& model, bool llama) : files_(files), model_(model), llama_(llama) {}

  /// Compares names and shapes, and on a device that runs copies the values.
  void load() {
    for (Parameter& p : model_.parameters().all()) fill(p);
    files_.each([&](const TensorEntry& entry) {
      if (!used_.count(entry.name) && !is_no_parameter(entry.name, model_.config().tie))
        note("unknown: ", entry.name);
    });
    if (!wrong_.empty()) fail(ErrorCode::input, "its tensors do not fit its config.json:", wrong_);
  }

 private:
  void fill(Parameter& p) {
    Origin origin = llama_ ? llama_origin(p.name) : Origin{{p.name}};
    // GPT-2's own files leave out the first part of the names.
    if (!llama_ && !files_.find(p.name) && p.name.starts_with("transformer.")) origin.names[0].erase(0, 12);
    std::vector<const TensorEntry*> entries;
    const bool matrix = p.shape.rank() == 2;
    const int64_t rows = matrix ? p.shape[0] : 1;
    int64_t cols = 0;
    for (const std::string& name : origin.names) {
      const TensorEntry* entry = files_.find(name);
      if (!entry) return note("missing: ", name);
      used_.insert(name);
      entries.push_back(entry);
      const bool same_rank = entry->shape.size() == static_cast<size_t>(p.shape.rank());
      const int64_t height = !same_rank || !matrix ? 1 : entry->shape[origin.turned ? 1 : 0];
      // A cropped context leaves the later positions out.
      const bool fits = height == rows || (p.name == "transformer.wpe.weight" && height > rows);
      if (!same_rank || !fits)
        return note(name, " is ", Shape(entry->shape), " and does not fit ", p.name, " ", p.shape);
      cols += width_of(*entry, origin.turned);
    }
    if (cols != p.shape[p.shape.rank() - 1])
      return note(p.name, " is ", p.shape, ", its tensors have ", cols, " columns");
    if (!executor(model_.device()).runs()) return;
    p.value.dtype() == DType::f64 ? put<double>(entries, origin.turned, rows, cols, p.value)
                                  : put<float>(entries, origin.turned, rows, cols, p.value);
  }

  /// Columns of ours that an entry fills.
  static int64_t width_of(const TensorEntry& entry, bool turned) {
    return entry.shape.size() == 1 || turned ? entry.shape[0] : entry.shape[1];
  }

  template <class T>
  static void put(const std::vector<const TensorEntry*>& entries, bool turned, int64_t rows, int64_t cols,
                  Tensor& to) {
    std::vector<T> all(static_cast<size_t>(rows * cols));
    int64_t first = 0;
    for (const TensorEntry* entry : entries) {
      const std::vector<T> values = values_of<T>(*entry);
      const int64_t n = width_of(*entry, turned);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < n; ++c)
          all[static_cast<size_t>(r * cols + first + c)] =
              values[static_cast<size_t>(turned ? c * rows + r : r * n + c)];
      first += n;
    }
    to.upload(all.data());
  }

  template <class... Parts>
  void note(const Parts&... parts) {
    std::ostringstream line;
    (line << ... << parts);
    wrong_ += "\n  " + line.str();
  }

  const TensorFiles& files_;
  Model& model_;
  bool llama_;
  std::set<std::string> used_;
  std::string wrong_;
};

json config_json(const std::string& text) {
  return as_input([&] {
    json config = json::parse(text);
    if (!config.is_object()) fail(ErrorCode::input, "it is not a JSON object");
    return config;
  });
}

bool is_llama(const json& config) {
  const auto type = value_or<std::string>(config, "model_type", "");
  if (type == "gpt2") return false;
  if (type == "llama" || type == "mistral") return true;
  fail(ErrorCode::input, "its model_type is \"", type, "\"; gpt2, llama and mistral are supported");
}

}  // namespace

ModelConfig huggingface_config(const std::string& text) {
  const json config = config_json(text);
  return as_input([&] {
    const ModelConfig c = is_llama(config) ? llama_config(config) : gpt2_config(config);
    try {
      c.check();
    } catch (const Error& error) {
      throw Error(ErrorCode::input, error.what());
    }
    return c;
  });
}

std::unique_ptr<Model> open_huggingface(const std::string& directory, Device& device, DType dtype,
                                        int64_t block_size, bool grads) {
  const Doing context("opening ", directory);
  const std::string text = read_small_file((fs::path(directory) / "config.json").string(), max_json_bytes);
  ModelConfig config = [&] {
    const Doing reading("reading config.json");
    return huggingface_config(text);
  }();
  if (block_size > 0) {
    require(block_size <= config.block_size, "block_size = ", block_size, " is longer than the model's ",
            config.block_size);
    config.block_size = block_size;
  }
  const TensorFiles files(directory);
  const bool llama = is_llama(config_json(text));
  // First without memory: what a configuration says is nothing to allocate by before the tensors are there.
  const auto nowhere = make_meta(1, best_isa());
  Loader(files, *make_model(config, *nowhere, dtype, 1, false), llama).load();
  auto model = make_model(config, device, dtype, 1, grads);
  Loader(files, *model, llama).load();
  return model;
}

}  // namespace hewn
