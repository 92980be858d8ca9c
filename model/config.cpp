#include "model/config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

template <class E>
struct Choice {
  E value;
  const char* name;
};

constexpr Choice<NormKind> norms[] = {{NormKind::layernorm, "layernorm"}, {NormKind::rmsnorm, "rmsnorm"}};
constexpr Choice<NormPlace> places[] = {{NormPlace::pre, "pre"}, {NormPlace::post, "post"}};
constexpr Choice<Positions> positions[] = {{Positions::learned, "learned"},
                                           {Positions::sinusoidal, "sin"},
                                           {Positions::rotary, "rope"},
                                           {Positions::none, "none"}};
constexpr Choice<PosCombine> combines[] = {{PosCombine::add, "add"}, {PosCombine::concat, "concat"}};
constexpr Choice<AttentionForm> forms[] = {{AttentionForm::per_head, "per_head"},
                                           {AttentionForm::batched, "batched"},
                                           {AttentionForm::fused, "fused"}};
constexpr Choice<RotaryPairs> pairings[] = {{RotaryPairs::half, "half"},
                                            {RotaryPairs::interleaved, "interleaved"}};

template <class E>
std::string name_in(std::span<const Choice<E>> choices, E value) {
  for (const auto& c : choices)
    if (c.value == value) return c.name;
  return "?";
}

template <class E>
void find_in(std::span<const Choice<E>> choices, const std::string& name, E& value) {
  std::string known;
  for (const auto& c : choices) {
    if (name == c.name) {
      value = c.value;
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(c.name);
  }
  fail(ErrorCode::usage, "\"", name, "\" is not one of ", known);
}

/// Whether values are written by name.
template <class T>
constexpr bool named = std::is_enum_v<T> || std::is_same_v<T, MlpActivation>;

/// Calls f(key, member) for every key of the config: one list for writing and reading.
template <class Config, class F>
void for_each_key(Config& c, F f) {
  f("arch", c.arch);
  f("vocab_size", c.vocab_size);
  f("block_size", c.block_size);
  f("n_layer", c.n_layer);
  f("n_head", c.n_head);
  f("n_kv_head", c.n_kv_head);
  f("n_embd", c.n_embd);
  f("mlp_width", c.mlp_width);
  f("dropout", c.dropout);
  f("attn_dropout", c.attn_dropout);
  f("bias", c.bias);
  f("qkv_bias", c.qkv_bias);
  f("residual", c.residual);
  f("tie", c.tie);
  f("norm", c.norm);
  f("norm_place", c.norm_place);
  f("pos", c.pos);
  f("pos_combine", c.pos_combine);
  f("rope_theta", c.rope_theta);
  f("rope_pairs", c.rope_pairs);
  f("window", c.window);
  f("attention", c.attention);
  f("act", c.act);
  f("norm_eps", c.norm_eps);
}

void check_size(const char* name, int64_t value, int64_t low, int64_t high) {
  require(value >= low && value <= high, name, " = ", value, "; it must lie between ", low, " and ", high);
}

}  // namespace

std::string name_of(NormKind v) { return name_in<NormKind>(norms, v); }
std::string name_of(NormPlace v) { return name_in<NormPlace>(places, v); }
std::string name_of(Positions v) { return name_in<Positions>(positions, v); }
std::string name_of(PosCombine v) { return name_in<PosCombine>(combines, v); }
std::string name_of(AttentionForm v) { return name_in<AttentionForm>(forms, v); }
std::string name_of(RotaryPairs v) { return name_in<RotaryPairs>(pairings, v); }
void parse_name(const std::string& name, NormKind& v) { find_in<NormKind>(norms, name, v); }
void parse_name(const std::string& name, NormPlace& v) { find_in<NormPlace>(places, name, v); }
void parse_name(const std::string& name, Positions& v) { find_in<Positions>(positions, name, v); }
void parse_name(const std::string& name, PosCombine& v) { find_in<PosCombine>(combines, name, v); }
void parse_name(const std::string& name, AttentionForm& v) { find_in<AttentionForm>(forms, name, v); }
void parse_name(const std::string& name, RotaryPairs& v) { find_in<RotaryPairs>(pairings, name, v); }

void ModelConfig::check() const {
  require(arch == "gpt" || arch == "bigram" || arch == "bigram_linear", "arch = \"", arch,
          "\" is not one of gpt, bigram, bigram_linear");
  check_size("vocab_size", vocab_size, 1, int64_t{1} << 24);
  check_size("block_size", block_size, 1, int64_t{1} << 24);
  if (arch == "bigram") return;
  check_size("n_embd", n_embd, 1, 1 << 20);
  if (arch == "bigram_linear") return;
  check_size("n_layer", n_layer, 0, 4096);
  check_size("n_head", n_head, 1, 4096);
  check_size("mlp_width", mlp_width, 0, 1 << 22);
  require(n_embd % n_head == 0, "n_embd = ", n_embd, " is not a multiple of n_head = ", n_head);
  require(n_kv_head >= 0 && n_kv_head <= n_head && n_head % kv_heads() == 0, "n_kv_head = ", n_kv_head,
          "; it must divide n_head = ", n_head, ", or be 0 for as many");
  check_size("window", window, 0, int64_t{1} << 24);
  if (pos == Positions::rotary) {
    require(head_size() % 2 == 0, "pos = rope turns pairs, but a head has n_embd / n_head = ", head_size(),
            " elements, an odd number");
    require(rope_theta > 0 && std::isfinite(rope_theta), "rope_theta = ", rope_theta,
            "; it must be more than 0");
  }
  require(dropout >= 0 && dropout < 1, "dropout = ", dropout, "; it must be at least 0 and less than 1");
  require(attn_dropout < 1, "attn_dropout = ", attn_dropout, "; it must be less than 1");
  require(norm_eps >= 0, "norm_eps = ", norm_eps, "; it must not be negative");
  if (concatenates()) {
    require(n_embd % 2 == 0, "pos_combine = concat gives half of n_embd to positions; n_embd = ", n_embd,
            " is odd");
    require(
        !tie,
        "pos_combine = concat has token embeddings of n_embd / 2, which cannot be the head; use tie = false");
  }
}

std::string to_json(const ModelConfig& given) {
  ModelConfig config = given;  // equal models say the same, whether a value was given or follows from others
  config.n_kv_head = given.kv_heads();
  config.mlp_width = given.mlp_size();
  config.attn_dropout = given.attention_dropout();
  nlohmann::ordered_json json;
  for_each_key(config, [&](const char* key, const auto& value) {
    if constexpr (named<std::remove_cvref_t<decltype(value)>>)
      json[key] = name_of(value);
    else
      json[key] = value;
  });
  return json.dump(2);
}

ModelConfig model_config_from_json(const std::string& text) {
  const Doing context("reading a model configuration");
  ModelConfig config;
  try {
    nlohmann::json json = parse_json(text);
    if (!json.is_object()) fail(ErrorCode::input, "it is not a JSON object");
    for_each_key(config, [&](const char* key, auto& value) {
      if (!json.contains(key)) return;
      if constexpr (named<std::remove_cvref_t<decltype(value)>>)
        parse_name(json[key].template get<std::string>(), value);
      else
        json[key].get_to(value);
      json.erase(key);
    });
    if (!json.empty()) fail(ErrorCode::input, "unknown key \"", json.begin().key(), "\"");
    config.check();
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorCode::input, e.what());
  } catch (const Error& e) {
    throw Error(ErrorCode::input, e.what());
  }
  return config;
}

}  // namespace hewn
