#include "model/adapters/adapter_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/gpt.h"
#include "model/json.h"
#include "model/weights/huggingface/huggingface_names.h"

namespace hewn {
namespace {

using nlohmann::json;

constexpr int64_t most_rank = 1 << 16;

bool is_absent(const json& config, const char* key) { return !config.contains(key) || config[key].is_null(); }

/// Requires a setting to be absent, null, empty, false or one of the usual values.
void require_usual(const json& config, const char* key, const std::vector<json>& usual = {}) {
  if (is_absent(config, key) || config[key] == false) return;
  if (config[key].is_structured() && config[key].empty()) return;
  for (const json& value : usual)
    if (config[key] == value) return;
  fail(ErrorCode::input, key, " is ", json_text(config[key]), ", which is not supported");
}

/// A rank between 1 and a size that no adapter reaches.
int64_t checked_rank(const json& value) {
  const auto rank = value.get<int64_t>();
  if (rank < 1 || rank > most_rank) fail(ErrorCode::input, "r is ", rank, "; expected 1 to ", most_rank);
  return rank;
}

double checked_alpha(const json& value) {
  const auto alpha = value.get<double>();
  if (!std::isfinite(alpha)) fail(ErrorCode::input, "lora_alpha is not a finite number");
  return alpha;
}

/// Patterns are regular expressions in PEFT; names are the only ones used. `file` has their order.
template <class Value, class Check>
LayerPattern<Value> pattern_of(const json& config, const Json& file, const char* key, const Check& check) {
  LayerPattern<Value> pattern;
  if (is_absent(config, key)) return pattern;
  for (const auto& [layer, first_value] : file.at(key).items()) {
    if (layer.find_first_of("\\^$*+?()[]{}|") != layer.npos)
      fail(ErrorCode::input, key, " has the regular expression \"", layer,
           "\"; only names of layers are supported");
    pattern.emplace_back(layer, check(config[key].at(layer)));  // of a name that occurs twice, the last value
  }
  return pattern;
}

/// The value of the first name in the pattern that is the layer's name, or the end of it behind a dot.
template <class Value>
Value value_for(const std::string& layer, const LayerPattern<Value>& pattern, Value otherwise) {
  for (const auto& [name, value] : pattern)
    if (layer == name || layer.ends_with("." + name)) return value;
  return otherwise;
}

PeftConfig config_in(const json& config, const Json& file) {
  if (!config.is_object()) fail(ErrorCode::input, "expected a JSON object");
  if (is_absent(config, "peft_type") || config["peft_type"] != "LORA")
    fail(ErrorCode::input, "peft_type is ",
         config.contains("peft_type") ? json_text(config["peft_type"]) : "missing",
         "; only \"LORA\" is supported");
  require_usual(config, "bias", {"none"});
  require_usual(config, "init_lora_weights",
                {true, "gaussian", "eva", "orthogonal"});  // others change the base
  require_usual(config, "modules_to_save", {json::array({"score"}), json::array({"classifier", "score"})});
  for (const char* key :
       {"use_dora", "use_qalora", "lora_bias", "layer_replication", "trainable_token_indices",
        "target_parameters", "alora_invocation_tokens", "arrow_config"})
    require_usual(config, key);
  PeftConfig c;
  c.rank = checked_rank(config.at("r"));
  c.alpha = checked_alpha(config.at("lora_alpha"));
  c.root_of_rank = !is_absent(config, "use_rslora") && config["use_rslora"].get<bool>();
  c.rank_pattern = pattern_of<int64_t>(config, file, "rank_pattern", checked_rank);
  c.alpha_pattern = pattern_of<double>(config, file, "alpha_pattern", checked_alpha);
  return c;
}

}  // namespace

int64_t PeftConfig::rank_of(const std::string& layer) const { return value_for(layer, rank_pattern, rank); }

double PeftConfig::scale_of(const std::string& layer) const {
  const auto r = static_cast<double>(rank_of(layer));
  return value_for(layer, alpha_pattern, alpha) / (root_of_rank ? std::sqrt(r) : r);
}

PeftConfig peft_config_from_json(const std::string& text) {
  try {
    return config_in(parse_json(text), parse_ordered_json(text));
  } catch (const json::exception& error) {
    fail(ErrorCode::input, "the file does not have the expected content: ", json_reason(error));
  }
}

// The keys in PEFT's order, which is alphabetical.
std::string to_json(const PeftDescription& d) {
  const Json config{
      {"alpha_pattern", json::object()},
      {"auto_mapping", nullptr},
      {"base_model_name_or_path", d.base},
      {"bias", "none"},
      {"fan_in_fan_out", d.input_first},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", nullptr},
      {"layers_to_transform", nullptr},
      {"lora_alpha", d.alpha},
      {"lora_dropout", d.dropout},
      {"modules_to_save", d.whole.empty() ? json(nullptr) : json(d.whole)},
      {"peft_type", "LORA"},
      {"r", d.rank},
      {"rank_pattern", json::object()},
      {"revision", nullptr},
      {"target_modules", d.layers},
      {"task_type", d.classifies ? "SEQ_CLS" : "CAUSAL_LM"},
      {"use_dora", false},
      {"use_rslora", false},
  };
  return exact_json_text(config, 2) + "\n";
}

namespace {

void add_layers(Model& model, const Naming& naming, std::string_view left_out,
                std::map<std::string, NamedColumns>& layers) {
  const bool interleaved = model.config().rope_pairs == RotaryPairs::interleaved;
  for (Parameter& p : model.parameters().all()) {
    if (!p.takes_adapter) continue;
    const Origin origin = naming.origin(p, model.config());
    int64_t first = 0;
    for (const Origin::Part& part : origin.parts) {
      std::string name = part.name.substr(0, part.name.rfind('.'));
      if (name.starts_with(left_out)) name = name.substr(left_out.size());
      const bool rotates = name.ends_with(".q_proj") || name.ends_with(".k_proj");
      layers[name] = {&p, first, part.width, rotates && interleaved};
      first += part.width;
    }
  }
}

}  // namespace

bool has_llama_names(const ModelConfig& c) {
  return c.arch == "gpt" && c.norm == NormKind::rmsnorm && c.pos == Positions::rotary &&
         c.act == MlpActivation::swiglu;
}

std::map<std::string, NamedColumns> layers_by_name(Model& model, bool other_names) {
  const bool llama = has_llama_names(model.config());
  const Naming naming = llama ? llama_naming() : gpt2_naming();
  std::map<std::string, NamedColumns> layers;
  add_layers(model, naming, "", layers);
  if (other_names) add_layers(model, naming, llama ? "model." : "transformer.", layers);
  return layers;
}

std::map<std::string, Parameter*> whole_by_name(Model& model) {
  const Naming naming = has_llama_names(model.config()) ? llama_naming() : gpt2_naming();
  std::map<std::string, Parameter*> all;
  for (const char* name : {score_name, "transformer.wte.weight", "lm_head.weight"})
    if (Parameter* const p = model.parameters().find(name))
      all[naming.origin(*p, model.config()).parts[0].name] = p;
  return all;
}

void reorder_rotary(std::vector<double>& values, const NamedColumns& columns, const ModelConfig& config,
                    bool to_ours) {
  if (!columns.rotary) return;
  const int64_t D = config.head_size(), pairs = D / 2;
  std::vector<double> head(static_cast<size_t>(D));
  for (size_t at = 0; at + head.size() <= values.size(); at += head.size()) {
    for (int64_t i = 0; i < D; ++i) {
      const int64_t half = i % 2 * pairs + i / 2;  // where the halves have element i of the interleaved order
      head[static_cast<size_t>(to_ours ? i : half)] = values[at + static_cast<size_t>(to_ours ? half : i)];
    }
    std::copy(head.begin(), head.end(), values.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace hewn
