#pragma once
// The configuration of a model. GPT-2, Llama, their relatives and the teaching variants are values of this
// struct, not copies of the code.

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/rotary/abi.h"
#include "model/keys.h"
#include "model/mlp_activation.h"

namespace hewn {

// The names of an enumeration's values, in order.
enum class NormKind : uint8_t { layernorm, rmsnorm };
constexpr std::string_view names_of(NormKind) { return "layernorm|rmsnorm"; }

enum class NormPlace : uint8_t { pre, post };
constexpr std::string_view names_of(NormPlace) { return "pre|post"; }

enum class Positions : uint8_t { learned, sinusoidal, rotary, none };
constexpr std::string_view names_of(Positions) { return "learned|sin|rope|none"; }

enum class PosCombine : uint8_t { add, concat };
constexpr std::string_view names_of(PosCombine) { return "add|concat"; }

enum class AttentionForm : uint8_t { per_head, batched, fused };
constexpr std::string_view names_of(AttentionForm) { return "per_head|batched|fused"; }

constexpr std::string_view names_of(RotaryPairs) { return "half|interleaved"; }

/// The input of a classifier's head.
enum class LabelPosition : uint8_t {
  last,  ///< the state of the last token
  mean   ///< the mean of the states of all tokens up to the last
};
constexpr std::string_view names_of(LabelPosition) { return "last|mean"; }

/// Every member that users set by name has a line in `model_keys` below.
struct ModelConfig {
  /// gpt, rnn, lstm, ngram, bigram (a table) or bigram_linear (an embedding and a linear layer)
  std::string arch = "gpt";
  int64_t order = 5;  ///< of n-grams: a token depends on the order - 1 tokens before it
  int64_t vocab_size = 0;
  int64_t block_size = 64;  ///< longest context, in tokens
  int64_t n_layer = 4;
  int64_t n_head = 4;
  int64_t n_kv_head = 0;  ///< key and value heads, a divisor of n_head; 0: n_head
  int64_t n_embd = 128;
  int64_t mlp_width = 0;               ///< 0: 4 n_embd
  double dropout = 0;                  ///< on embeddings and residual branches
  double attn_dropout = -1;            ///< on attention weights; negative: the same as dropout
  bool bias = false;                   ///< in linear layers and layernorms
  bool qkv_bias = true;                ///< in the query, key and value projection (also needs bias)
  bool residual = true;                ///< x + f(x); false trains without, for comparison
  DType residual_dtype = DType::bf16;  ///< of the residual stream under bf16 activations: bf16 or f32
  bool tie = true;                     ///< the head shares the token embedding's weights
  NormKind norm = NormKind::layernorm;
  NormPlace norm_place = NormPlace::pre;
  Positions pos = Positions::learned;
  PosCombine pos_combine = PosCombine::add;
  /// Factor of sinusoidal positions. Their rms is 1 / sqrt(2), that of fresh token embeddings 0.02, so
  /// 0.02 sqrt(2) makes them equal. Vaswani et al. (section 3.4) multiply embeddings by sqrt(n_embd) instead.
  double pos_scale = 0.0283;
  double rope_theta = 10000;  ///< base of the rotary frequencies
  RotaryPairs rope_pairs = RotaryPairs::half;
  int64_t window = 0;  ///< each token attends to at most this many, itself included; 0: no limit
  AttentionForm attention = AttentionForm::fused;
  MlpActivation act{};  ///< gelu unless given; swiglu: silu(x W) * (x V), as in Llama
  double norm_eps = 1e-5;
  int64_t n_labels = 0;  ///< number of a classifier's labels; 0: a language model
  LabelPosition position = LabelPosition::last;

  bool classifies() const { return n_labels > 0; }
  /// The number of logits of a position: labels of a classifier, else tokens.
  int64_t outputs() const { return classifies() ? n_labels : vocab_size; }
  int64_t head_size() const { return n_embd / n_head; }
  int64_t kv_heads() const { return n_kv_head > 0 ? n_kv_head : n_head; }
  /// Columns of the projection to queries, keys and values.
  int64_t qkv_size() const { return (n_head + 2 * kv_heads()) * head_size(); }
  /// Whether token and position embeddings are concatenated.
  bool concatenates() const {
    return pos_combine == PosCombine::concat && (pos == Positions::learned || pos == Positions::sinusoidal);
  }
  int64_t mlp_size() const { return mlp_width > 0 ? mlp_width : 4 * n_embd; }
  double attention_dropout() const { return attn_dropout < 0 ? dropout : attn_dropout; }
  /// The configuration with every derived value filled in: equal models are equal member by member.
  ModelConfig resolved() const;
  /// Throws usage, naming the wrong value and the expected ones.
  void check() const;
};

/// Every key of a model, in the order of help and JSON.
inline constexpr Key<ModelConfig> model_keys[] = {
    key<&ModelConfig::arch>("arch", Change::new_model, Choices{"gpt|rnn|lstm|ngram|bigram|bigram_linear"},
                            "architecture: gpt, or for comparison a recurrent network (rnn: Elman's with "
                            "tanh, or lstm), n-grams that are "
                            "counted, a table of bigrams, or an embedding with a linear layer"),
    key<&ModelConfig::vocab_size>("vocab_size", Change::new_model, Integers{1, 1 << 24}, "vocabulary size")
        .of_data(),
    key<&ModelConfig::order>(
        "order", Change::new_model, Integers{1, 64},
        "with arch=ngram, the longest n-gram: a token depends on the order - 1 tokens before it"),
    key<&ModelConfig::n_layer>("n_layer", Change::new_model, Integers{0, 4096},
                               "number of transformer blocks, or of recurrent layers"),
    key<&ModelConfig::n_head>("n_head", Change::new_model, Integers{1, 4096},
                              "number of attention heads; must divide n_embd"),
    key<&ModelConfig::n_kv_head>(
        "n_kv_head", Change::new_model, Integers{1, 4096},
        "number of key and value heads, shared by groups of attention heads (grouped-query "
        "attention); must divide n_head")
        .following("n_head", [](ModelConfig& c) { c.n_kv_head = c.kv_heads(); }),
    key<&ModelConfig::n_embd>("n_embd", Change::new_model, Integers{1, 1 << 20},
                              "embedding width: size of the residual stream, or of recurrent layers"),
    key<&ModelConfig::block_size>("block_size", Change::new_run, Integers{1, 1 << 24},
                                  "context length in tokens")
        .following("the longest document where data is aligned to documents"),
    key<&ModelConfig::dropout>("dropout", Change::always, Reals{.most = 1, .most_excluded = true},
                               "dropout probability of embeddings and residual branches; of a recurrent "
                               "network, of the outputs of all "
                               "layers but the last"),
    key<&ModelConfig::attn_dropout>("attn_dropout", Change::always, Reals{.most = 1, .most_excluded = true},
                                    "dropout probability of attention weights")
        .following("dropout", [](ModelConfig& c) { c.attn_dropout = c.attention_dropout(); }),
    key<&ModelConfig::bias>("bias", Change::new_model, "use biases in linear layers and norms"),
    key<&ModelConfig::qkv_bias>("qkv_bias", Change::new_model,
                                "use biases in the query, key and value projections; requires bias")
        .following("bias", [](ModelConfig& c) { c.qkv_bias = c.bias && c.qkv_bias; }),
    key<&ModelConfig::norm>("norm", Change::new_model, "kind of normalisation"),
    key<&ModelConfig::norm_eps>("norm_eps", Change::new_run, Reals{},
                                "epsilon added to the variance in normalisation"),
    key<&ModelConfig::norm_place>("norm_place", Change::new_model,
                                  "normalise before (pre) or after (post) each residual branch"),
    key<&ModelConfig::pos>("pos", Change::new_model,
                           "position encoding: learned, sinusoidal, rotary, or none"),
    key<&ModelConfig::pos_combine>("pos_combine", Change::new_model,
                                   "add positions to the token embeddings, or concatenate them"),
    key<&ModelConfig::pos_scale>("pos_scale", Change::new_model, Reals{.least_excluded = true},
                                 "factor of sinusoidal positions; the default makes them as large as freshly "
                                 "initialised token embeddings"),
    key<&ModelConfig::rope_theta>("rope_theta", Change::new_run, Reals{.least_excluded = true},
                                  "base of the rotary frequencies"),
    key<&ModelConfig::rope_pairs>(
        "rope_pairs", Change::new_model,
        "elements of a head that rotate as a pair: i and i + D/2 (Hugging Face), or 2i and "
        "2i + 1 (llama2.c)"),
    key<&ModelConfig::window>(
        "window", Change::new_run, Integers{0, 1 << 24},
        "sliding window: each token attends to at most N tokens, itself included (0: no "
        "limit)"),
    key<&ModelConfig::attention>(
        "attention", Change::always,
        "implementation of attention, all with the same result: one module per head, all "
        "heads at once with the T x T matrix, or fused, block by block"),
    key<&ModelConfig::act>("act", Change::new_model,
                           "activation of the feed-forward layer; swiglu adds a gate, as in Llama"),
    key<&ModelConfig::mlp_width>("mlp_width", Change::new_model, Integers{1, 1 << 24},
                                 "hidden width of the feed-forward layer")
        .following("4 n_embd", [](ModelConfig& c) { c.mlp_width = c.mlp_size(); }),
    key<&ModelConfig::residual_dtype>("residual_dtype", Change::new_run, Choices{"bf16|f32"},
                                      "with dtype=bf16 on a GPU, element type of the residual stream; all "
                                      "other activations are bf16 there, and "
                                      "on CPUs f32"),
    key<&ModelConfig::residual>("residual", Change::new_model,
                                "use residual connections; false: none, to see their effect"),
    key<&ModelConfig::tie>("tie", Change::new_model,
                           "share the token embedding's weights with the output head; false: it has its own")
        .following("true; false with pos_combine=concat",
                   [](ModelConfig& c) { c.tie = c.tie && !c.concatenates(); }),
    key<&ModelConfig::n_labels>("n_labels", Change::new_model, Integers{0, 1 << 16},
                                "number of labels of a classifier; 0: a language model")
        .of_data(),
    key<&ModelConfig::position>(
        "position", Change::new_model,
        "what the head of a classifier reads: the state of the last token, or the mean "
        "of all")
        .of_data(),
};

}  // namespace hewn
