#include "model/weights/huggingface/huggingface.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/weights/huggingface/huggingface_names.h"
#include "model/weights/huggingface/huggingface_texts.h"
#include "model/weights/safetensors/safetensors.h"

namespace hewn {
namespace {

using nlohmann::json;

constexpr size_t max_json_bytes = size_t{64} << 20;

/// Returns the result of `read`; errors in the JSON's form become an Error.
template <class Read>
auto as_input(const Read& read) -> decltype(read()) {
  try {
    return read();
  } catch (const json::exception& error) {
    fail(ErrorCode::input, "the file does not have the expected content: ", json_reason(error));
  }
}

/// Requires a setting to be absent, null or equal to the only value that this program supports.
void require_usual(const json& config, const char* key, const json& usual) {
  if (!config.contains(key) || config[key].is_null() || config[key] == usual) return;
  fail(ErrorCode::input, key, " is ", json_text(config[key]), "; only ", json_text(usual), " is supported");
}

template <class T>
T value_or(const json& config, const char* key, T otherwise) {
  return config.contains(key) && !config[key].is_null() ? config[key].get<T>() : otherwise;
}

/// The activation with this name in transformers.
Activation activation_called(const std::string& name) {
  std::string known;
  for (const ActivationRow& row : activation_table) {
    if (!row.huggingface) continue;
    if (name == row.huggingface || (row.huggingface_too && name == row.huggingface_too)) return row.kind;
    known += (known.empty() ? "" : ", ") + std::string(row.huggingface);
  }
  fail(ErrorCode::input, "activation_function is \"", name, "\"; expected one of ", known);
}

ModelConfig gpt2_config(const json& config) {
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"})
    require_usual(config, key, false);
  require_usual(config, "scale_attn_weights", true);
  ModelConfig c;
  c.bias = true;
  c.vocab_size = config.at("vocab_size");
  c.block_size = config.contains("n_positions") ? config["n_positions"] : config.at("n_ctx");
  c.n_layer = config.at("n_layer");
  c.n_head = config.at("n_head");
  c.n_embd = config.at("n_embd");
  c.mlp_width = value_or<int64_t>(config, "n_inner", 0);
  c.norm_eps = value_or(config, "layer_norm_epsilon", 1e-5);
  c.tie = value_or(config, "tie_word_embeddings", true);
  c.act = activation_called(value_or<std::string>(config, "activation_function", "gelu_new"));
  return c;
}

ModelConfig llama_config(const json& config) {
  require_usual(config, "hidden_act", row_of(MlpActivation::swiglu.curve).huggingface);
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
    fail(ErrorCode::input, "the model has biases in only one of attention and MLP; expected both or none");
  // transformers 5 stores the base in rope_parameters, earlier versions next to the other keys.
  const json rope = value_or(config, "rope_parameters", value_or(config, "rope_scaling", json::object()));
  const auto type = value_or<std::string>(rope, "rope_type", value_or<std::string>(rope, "type", "default"));
  if (type != "default")
    fail(ErrorCode::input, "the rotary positions are scaled (\"", type, "\"); only \"default\" is supported");
  c.rope_theta = value_or(rope, "rope_theta", value_or(config, "rope_theta", 10000.0));
  if (c.n_head > 0) require_usual(config, "head_dim", c.n_embd / c.n_head);
  return c;
}

/// All tensor files of a directory as one collection.
class ShardedTensors final : public NamedTensors {
 public:
  explicit ShardedTensors(const fs::path& directory) {
    const fs::path index = directory / "model.safetensors.index.json";
    std::set<std::string> names{"model.safetensors"};
    if (path_exists(index)) names = files_of(index);
    for (const std::string& name : names) {
      auto file = std::make_unique<SafetensorsFile>((directory / name).string());
      file->each([&](const TensorEntry& entry) {
        if (find(entry.name)) fail(ErrorCode::input, "tensor ", entry.name, " is in two files");
      });
      files_.push_back(std::move(file));
    }
  }

  const TensorEntry* find(std::string_view name) const override {
    for (const auto& file : files_)
      if (const TensorEntry* entry = file->find(name)) return entry;
    return nullptr;
  }

  void each(const std::function<void(const TensorEntry&)>& use) const override {
    for (const auto& file : files_) file->each(use);
  }

 private:
  static std::set<std::string> files_of(const fs::path& index) {
    const Doing context("reading ", index.string());
    return as_input([&] {
      const json index_json = parse_json(read_small_file(index.string(), max_json_bytes));
      std::set<std::string> names;
      for (const auto& [tensor, file] : index_json.at("weight_map").items()) {
        const auto name = file.get<std::string>();
        if (name.empty() || name.find('/') != name.npos || name == ".." || name.find('\0') != name.npos)
          fail(ErrorCode::input, "the file of tensor ", tensor, " is ", json_text(file),
               "; expected the name of a file in this directory");
        names.insert(name);
      }
      if (names.empty()) fail(ErrorCode::input, "weight_map names no files");
      return names;
    });
  }
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
};

/// Finds the directory's tokenizer. One that this program does not support counts as missing, since the
/// weights are still usable; one that cannot be read does not.
void find_tokenizer(const fs::path& directory, ForeignModel& opened) {
  opened.no_tokenizer = "the directory has neither tokenizer.json nor vocab.json with merges.txt";
  for (const char* name : {"tokenizer.json", "vocab.json"}) {
    const bool incomplete = name == std::string_view("vocab.json") && !path_exists(directory / "merges.txt");
    if (!path_exists(directory / name) || incomplete) continue;
    const TokenizerFiles files = read_tokenizer_files((directory / name).string());
    try {
      opened.tokenizer = tokenizer_from_files(files);
      opened.no_tokenizer.clear();
      return;
    } catch (const Error& error) {
      opened.no_tokenizer = error.what();
    }
  }
}

/// The names of a classifier's labels by number; empty for a language model. transformers has two by default.
std::vector<std::string> labels_in(const json& config) {
  const json architectures = value_or(config, "architectures", json::array());
  if (architectures.empty() || !architectures[0].get<std::string>().ends_with("ForSequenceClassification"))
    return {};
  const json names = value_or(config, "id2label", json{{"0", "LABEL_0"}, {"1", "LABEL_1"}});
  std::vector<std::string> labels;
  for (size_t i = 0; i < names.size(); ++i) labels.push_back(names.at(std::to_string(i)));
  return labels;
}

json config_json(const std::string& text) {
  return as_input([&] {
    json config = parse_json(text);
    if (!config.is_object()) fail(ErrorCode::input, "expected a JSON object");
    return config;
  });
}

bool is_llama(const json& config) {
  const auto type = value_or<std::string>(config, "model_type", "");
  if (type == "gpt2") return false;
  if (type == "llama" || type == "mistral") return true;
  fail(ErrorCode::input, "model_type is \"", type, "\"; gpt2, llama and mistral are supported");
}

}  // namespace

ModelConfig huggingface_config(const std::string& text) {
  const json config = config_json(text);
  return as_input([&] {
    ModelConfig c = is_llama(config) ? llama_config(config) : gpt2_config(config);
    c.n_labels = std::ssize(labels_in(config));
    try {
      c.check();
    } catch (const Error& error) {
      throw Error(ErrorCode::input, error.what());
    }
    return c;
  });
}

bool looks_like_huggingface(const fs::path& path) { return path_exists(path / "config.json"); }

ForeignModel open_huggingface(const std::string& directory) {
  const Doing context("opening ", directory);
  const std::string text = read_small_file((fs::path(directory) / "config.json").string(), max_json_bytes);
  ForeignModel opened;
  const bool llama = [&] {
    const Doing reading("reading config.json");
    opened.config = huggingface_config(text);
    const json config = config_json(text);
    opened.format = "Hugging Face, " + config["model_type"].get<std::string>();
    opened.labels = as_input([&] { return labels_in(config); });
    return is_llama(config);
  }();
  opened.tensors = std::make_unique<ShardedTensors>(directory);
  opened.naming =
      llama ? llama_naming() : gpt2_naming(opened.tensors->find("transformer.wte.weight") != nullptr);
  find_tokenizer(directory, opened);
  if (!opened.tokenizer) return opened;
  TextFacts facts{{"config.json", text}};
  for (const char* name : {"generation_config.json", "tokenizer_config.json", "special_tokens_map.json",
                           "tokenizer.json", text_form_file})
    if (const fs::path file = fs::path(directory) / name; path_exists(file))
      facts[name] = read_small_file(file.string(), max_json_bytes);
  opened.text_form = huggingface_texts(facts, *opened.tokenizer);
  return opened;
}

}  // namespace hewn
