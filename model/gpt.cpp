#include "model/gpt.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/recompute.h"
#include "kernels/activation/op.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/embedding/op.h"
#include "kernels/linear_cross_entropy/op.h"

namespace hewn {
namespace {

// GPT-2's initialisation: 0.02, and 0.02 / sqrt(2 n_layer) where a branch joins the residual stream.
constexpr double deviation = 0.02;

double join_deviation(const ModelConfig& config) {
  return deviation / std::sqrt(2.0 * static_cast<double>(std::max<int64_t>(config.n_layer, 1)));
}

/// What follows the first layer of an MLP; a gate is none of that layer's business.
Activation activation_of(MlpActivation act) { return act.gated ? Activation::none : act.curve; }

/// Numbers of the places where dropout happens: embeddings are 0, layer l has 3l + 1 to 3l + 3.
enum Site : uint32_t { attention_weights = 1, attention_output = 2, mlp_output = 3 };
uint32_t site_of(int64_t layer, Site place) { return static_cast<uint32_t>(3 * layer) + place; }

}  // namespace

Mlp::Mlp(Parameters& parameters, const std::string& name, const ModelConfig& config)
    : c_fc(parameters, name + ".c_fc", config.n_embd,
           config.act.gated ? 2 * config.mlp_size() : config.mlp_size(), config.bias, deviation),
      c_proj(parameters, name + ".c_proj", config.mlp_size(), config.n_embd, config.bias,
             join_deviation(config)) {}

Block::Block(Parameters& parameters, const ModelConfig& config, int64_t layer)
    : ln_1(parameters, "transformer.h." + std::to_string(layer) + ".ln_1", config),
      attn(parameters, "transformer.h." + std::to_string(layer) + ".attn", config, deviation,
           join_deviation(config)),
      ln_2(parameters, "transformer.h." + std::to_string(layer) + ".ln_2", config),
      mlp(parameters, "transformer.h." + std::to_string(layer) + ".mlp", config) {}

Gpt::Gpt(const ModelConfig& config) : Model(config) {
  Parameters& p = parameters();
  const int64_t V = config.vocab_size, C = config.n_embd, width = config.concatenates() ? C / 2 : C;
  wte_ = p.add("transformer.wte.weight", {V, width}, Init::normal(deviation));
  if (config.pos == Positions::learned)
    wpe_ = p.add("transformer.wpe.weight", {config.block_size, width}, Init::normal(deviation));
  for (int64_t layer = 0; layer < config.n_layer; ++layer) blocks_.emplace_back(p, config, layer);
  if (config.norm_place == NormPlace::pre) ln_f_ = NormLayer(p, "transformer.ln_f", config);
  if (!config.tie) lm_head_ = p.add("lm_head.weight", {V, C}, Init::normal(deviation));
}

std::vector<double> sinusoids(int64_t length, int64_t width) {
  std::vector<double> table;
  table.reserve(static_cast<size_t>(length * width));
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t i = 0; i < width; ++i) {
      const double even = static_cast<double>(i - i % 2);
      const double angle = static_cast<double>(t) / std::pow(10000.0, even / static_cast<double>(width));
      table.push_back(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  }
  return table;
}

/// A row per position: learned, or sinusoids made at first use. [block_size, width]
const Tensor& Gpt::position_table() {
  if (wpe_) return wpe_->value;
  if (!sinusoids_.defined()) {
    const int64_t width = wte_->shape[1];
    const std::vector<double> table = sinusoids(config().block_size, width);
    const std::vector<float> narrow_table(table.begin(), table.end());
    const Shape shape{config().block_size, width};
    const MemUseScope use(MemUse::parameter);
    sinusoids_ = parameters().dtype() == DType::f64 ? Tensor::from(device(), table, shape)
                                                    : Tensor::from(device(), narrow_table, shape);
  }
  return sinusoids_;
}

Tensor Gpt::positions_of(const Tensor& tokens, const ForwardOptions& options) {
  // Those of training batches stay where they are: a captured step finds them again, and copies nothing.
  Tensor* const kept = !options.cache && options.caches.empty() && Tape::current()
                           ? &positions_[{tokens.dim(0), tokens.dim(1)}]
                           : nullptr;
  if (kept && kept->defined()) return *kept;
  const auto T = static_cast<size_t>(tokens.dim(1));
  std::vector<int32_t> at(static_cast<size_t>(tokens.numel()));
  for (size_t i = 0; i < at.size(); ++i) {
    const KvCache* cache = options.caches.empty() ? options.cache : options.caches[i / T];
    at[i] = static_cast<int32_t>((cache ? cache->length() : 0) + static_cast<int64_t>(i % T));
  }
  const Tensor positions = Tensor::from(tokens.device(), at, tokens.shape());
  if (kept) *kept = positions;
  return positions;
}

Tensor Gpt::embed(const Tensor& tokens, const ForwardOptions& options) {
  const Scope scope("embed");
  const int64_t start = options.cache ? options.cache->length() : 0;
  Tensor x;
  if (config().pos == Positions::none || config().pos == Positions::rotary) {
    x = embedding(wte_->value, tokens);
  } else if (!config().concatenates() && options.caches.empty()) {
    x = embedding(wte_->value, position_table(), tokens, start);
  } else {
    const Tensor where = embedding(position_table(), positions_of(tokens, options));
    x = embedding(wte_->value, tokens);
    x = config().concatenates() ? concat({x, where}, 2) : add(x, where);
  }
  return DropoutPlace{config().dropout, 0}(x, options.step_state);
}

Tensor Gpt::mlp(const Block& block, const Tensor& x, const Tensor& residual, int64_t layer,
                const ForwardOptions& options) {
  const Scope scope("mlp");
  const DropoutPlace drop{config().dropout, site_of(layer, mlp_output)};
  Tensor wide = block.mlp.c_fc(x, activation_of(config().act));
  if (config().act.gated) wide = swiglu(wide);
  if (drop.p == 0 || !options.step_state.defined()) return block.mlp.c_proj(wide, Activation::none, residual);
  const Tensor y = drop(block.mlp.c_proj(wide), options.step_state);
  return residual.defined() ? add(residual, y) : y;
}

Tensor Gpt::apply(const Block& block, Tensor x, int64_t layer, const ForwardOptions& options) {
  const Scope scope("h." + std::to_string(layer));
  const AttentionPass pass{.layer = layer,
                           .weights_site = site_of(layer, attention_weights),
                           .output_site = site_of(layer, attention_output),
                           .options = options};
  const bool pre = config().norm_place == NormPlace::pre, keep = config().residual;
  const auto branch_of = [&](const NormLayer& norm) { return pre ? norm(x) : x; };
  x = block.attn(branch_of(block.ln_1), keep ? x : Tensor(), pass);
  if (!pre) x = block.ln_1(x);
  x = mlp(block, branch_of(block.ln_2), keep ? x : Tensor(), layer, options);
  return pre ? x : block.ln_2(x);
}

Tensor Gpt::hidden(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, options);
  Tensor x = embed(tokens, options);
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    const auto block = [this, layer, options](const Tensor& input) {
      return apply(blocks_[layer], input, static_cast<int64_t>(layer), options);
    };
    x = options.recompute ? recomputed(x, block) : block(x);
  }
  if (options.cache) options.cache->advance(tokens.dim(1));
  for (KvCache* cache : options.caches) cache->advance(tokens.dim(1));
  if (config().norm_place == NormPlace::post) return x;
  const Scope scope("ln_f");
  return ln_f_(x);
}

Tensor Gpt::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  require(tokens.shape() == targets.shape(), "tokens are ", tokens.shape(), ", targets ", targets.shape());
  const Tensor x = hidden(tokens, options);
  const Scope scope("head");
  return linear_cross_entropy(reshape(x, {x.rows(), x.cols()}), head().value, Tensor(),
                              targets.viewed({targets.numel()}), usual_logits_bytes, bf16_of(head()));
}

Tensor Gpt::logits(const Tensor& tokens, const ForwardOptions& options) {
  Tensor x = hidden(tokens, options);
  const Scope scope("head");
  if (options.last_only && x.dim(1) > 1) x = contiguous(slice(x, 1, x.dim(1) - 1, 1));
  return linear(x, head().value, Tensor(), {.layout = Layout::out_in, .weight_bf16 = bf16_of(head())});
}

double product_flops_per_token(const Gpt& model) {
  const ModelConfig& config = model.config();
  double weights = 0;
  for (const Parameter& p : model.parameters().all()) {
    const bool table =
        p.name == "transformer.wpe.weight" || (p.name == "transformer.wte.weight" && !config.tie);
    if (p.shape.rank() == 2 && !table) weights += static_cast<double>(p.shape.numel());
  }
  // A query sees the keys up to its own, and no more than the window holds. Two products with each of them,
  // of n_embd multiply-adds; backwards twice as many.
  const double T = static_cast<double>(config.block_size);
  const double w = config.window > 0 ? std::min(static_cast<double>(config.window), T) : T;
  const double keys = w * (T - (w - 1) / 2) / T;
  return 6 * weights + 12 * static_cast<double>(config.n_layer) * static_cast<double>(config.n_embd) * keys;
}

}  // namespace hewn
