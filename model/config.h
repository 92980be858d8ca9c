#pragma once
// What a model is made of. GPT-2, Llama, their relatives and the teaching variants are values of this struct,
// not copies of the code.

#include <cstdint>
#include <string>

#include "kernels/rotary/abi.h"
#include "model/mlp_activation.h"

namespace hewn {

enum class NormKind : uint8_t { layernorm, rmsnorm };
enum class NormPlace : uint8_t { pre, post };
enum class Positions : uint8_t { learned, sinusoidal, rotary, none };
enum class PosCombine : uint8_t { add, concat };
enum class AttentionForm : uint8_t { per_head, batched, fused };

struct ModelConfig {
  std::string arch = "gpt";  ///< gpt, bigram (a table) or bigram_linear (embedding and a linear layer)
  int64_t vocab_size = 0;
  int64_t block_size = 64;  ///< longest context, in tokens
  int64_t n_layer = 4;
  int64_t n_head = 4;
  int64_t n_kv_head = 0;  ///< heads of keys and values, a divisor of n_head; 0: as many
  int64_t n_embd = 128;
  int64_t mlp_width = 0;     ///< 0: 4 n_embd
  double dropout = 0;        ///< on embeddings and residual branches
  double attn_dropout = -1;  ///< on attention weights; negative: the same as dropout
  bool bias = true;          ///< in linear layers and layernorms
  bool qkv_bias = true;      ///< in the query, key and value projection (also needs bias)
  bool residual = true;      ///< x + f(x); false shows what depth does without
  bool tie = true;           ///< the head is the token embedding
  NormKind norm = NormKind::layernorm;
  NormPlace norm_place = NormPlace::pre;
  Positions pos = Positions::learned;
  PosCombine pos_combine = PosCombine::add;
  double rope_theta = 10000;  ///< of rotary positions: the base of their frequencies
  RotaryPairs rope_pairs = RotaryPairs::half;
  int64_t window = 0;  ///< a token sees itself and the window - 1 before it; 0: all
  AttentionForm attention = AttentionForm::fused;
  MlpActivation act = Activation::gelu_tanh;
  double norm_eps = 1e-5;

  int64_t head_size() const { return n_embd / n_head; }
  int64_t kv_heads() const { return n_kv_head > 0 ? n_kv_head : n_head; }
  /// Columns of the projection to queries, keys and values.
  int64_t qkv_size() const { return (n_head + 2 * kv_heads()) * head_size(); }
  /// Whether token and position embeddings stand side by side.
  bool concatenates() const {
    return pos_combine == PosCombine::concat && (pos == Positions::learned || pos == Positions::sinusoidal);
  }
  int64_t mlp_size() const { return mlp_width > 0 ? mlp_width : 4 * n_embd; }
  double attention_dropout() const { return attn_dropout < 0 ? dropout : attn_dropout; }
  /// Throws usage with what is wrong and what would be right.
  void check() const;
};

/// The config as a JSON object, keys named as on the command line, and back. Unknown keys, wrong types and
/// nonsense sizes throw ErrorCode::input.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& json);

/// The names of the choices, as on the command line: "layernorm", "pre", "sin", "add", "fused". The
/// inverse throws usage with the list of names.
std::string name_of(NormKind v);
std::string name_of(NormPlace v);
std::string name_of(Positions v);
std::string name_of(PosCombine v);
std::string name_of(AttentionForm v);
std::string name_of(RotaryPairs v);
void parse_name(const std::string& name, NormKind& v);
void parse_name(const std::string& name, NormPlace& v);
void parse_name(const std::string& name, Positions& v);
void parse_name(const std::string& name, PosCombine& v);
void parse_name(const std::string& name, AttentionForm& v);
void parse_name(const std::string& name, RotaryPairs& v);

}  // namespace hewn
