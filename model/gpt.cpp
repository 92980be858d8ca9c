#include "model/gpt.h"

#include "core/error.h"
#include "core/recompute.h"
#include "kernels/activation/op.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/embedding/op.h"
#include "kernels/matmul/op.h"
#include "model/kv_cache.h"
#include "model/weight.h"

// Shapes: B sequences of T tokens, C = n_embd, V = vocab_size. The residual stream x is [B, T, C] throughout.

namespace hewn {
Mlp::Mlp(Parameters& parameters, const std::string& name, const ModelConfig& config, int64_t layer)
    : act_(config.act),
      types_(parameters, config),
      c_fc_(parameters, name + ".c_fc", config.n_embd, act_.gated ? 2 * config.mlp_size() : config.mlp_size(),
            config.bias),
      c_proj_(parameters, name + ".c_proj", config.mlp_size(), config, DropoutPlace::mlp_output, layer) {}

// GPT-2:   residual + dropout(gelu(x W1 + b1) W2 + b2)
// swiglu:  residual + dropout((silu(x G) * (x U)) W2), G | U = W1
Tensor Mlp::operator()(const Tensor& x, const Tensor& residual, const ForwardOptions& options) const {
  const Scope scope("mlp");
  const DType type = types_.activations();
  if (!act_.gated)
    return c_proj_(c_fc_.activated(x, act_.curve, type, options.step_state), residual, options.step_state);
  const Tensor gate_up = c_fc_(x, type, options.step_state);      // [B, T, 2 mlp_size]
  return c_proj_(swiglu(gate_up), residual, options.step_state);  // [B, T, C]
}

Block::Block(Parameters& parameters, const ModelConfig& config, int64_t layer)
    : name_("h." + std::to_string(layer)),
      norm_place_(config.norm_place),
      types_(parameters, config),
      residual_(config.residual),
      ln_1_(parameters, "transformer." + name_ + ".ln_1", config),
      attn_(parameters, "transformer." + name_ + ".attn", config, layer),
      ln_2_(parameters, "transformer." + name_ + ".ln_2", config),
      mlp_(parameters, "transformer." + name_ + ".mlp", config, layer) {}

// norm_place = pre (GPT-2):       post (the transformer of 2017):
//   y = x + attn(ln_1(x))           y = ln_1(x + attn(x))
//   z = y + mlp(ln_2(y))            z = ln_2(y + mlp(y))
//
// The residual (the x in x + attn(...)) is the second argument of attn and mlp. They pass it to their last
// layer (`ResidualLayer`), which passes it to `linear`; the epilogue of the matrix product adds it, which
// saves another read and write of [B, T, C]. With dropout, `ResidualLayer` adds it with `add`.
Tensor Block::operator()(const Tensor& x, const ForwardOptions& options) const {
  const Scope scope(name_);
  const Tensor zero;  // an undefined residual counts as zero
  if (norm_place_ == NormPlace::pre) {
    const DType type = types_.activations();
    const Tensor y = attn_(ln_1_(x, type), residual_ ? x : zero, options);
    return mlp_(ln_2_(y, type), residual_ ? y : zero, options);
  }
  const DType type = types_.stream();
  const Tensor y = ln_1_(attn_(x, residual_ ? x : zero, options), type);
  return ln_2_(mlp_(y, residual_ ? y : zero, options), type);
}

Gpt::Gpt(const ModelConfig& config)
    : Model(config),
      types_(parameters(), config),
      wte_(parameters().add("transformer.wte.weight",
                            {config.vocab_size, config.concatenates() ? config.n_embd / 2 : config.n_embd},
                            Init::normal(initial_deviation))),
      wpe_(parameters(), config, wte_->shape[1]) {
  for (int64_t layer = 0; layer < config.n_layer; ++layer) blocks_.emplace_back(parameters(), config, layer);
  if (config.norm_place == NormPlace::pre) ln_f_ = NormLayer(parameters(), "transformer.ln_f", config);
  head_.emplace(parameters(), config, wte_, initial_deviation);
}

// x = dropout(wte[token] + wpe[position])
Tensor Gpt::embed(const Tensor& tokens, const ForwardOptions& options) {
  const Scope scope("embed");
  const DType type = types_.stream();
  const bool plain = !config().concatenates() && options.caches.empty() && !options.positions.defined();
  Tensor x;
  if (wpe_.exists() && plain && !wte_->blocks) {  // both look-ups and the sum in one operation
    x = embedding(value_of(*wte_), wpe_.rows(), tokens, options.cache ? options.cache->length() : 0, type);
  } else {
    x = looked_up(*wte_, tokens, type);
    if (wpe_.exists()) {
      const Tensor position = wpe_.rows_of(tokens, options, type);
      x = config().concatenates() ? concat({x, position}, 2) : add(x, position);
    }
  }
  return DropoutLayer(config().dropout, DropoutPlace::embeddings)(x, options.step_state);
}

// x = embed(tokens);  x = block(x) for each block;  x = ln_f(x)
Tensor Gpt::trunk(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, options);
  Tensor x = embed(tokens, options);
  ForwardOptions of_block = options;
  for (const Block& block : blocks_) {
    of_block.ends = &block == &blocks_.back() && !head_->pools() ? options.ends : std::vector<int64_t>();
    const auto apply = [&block, of_block](const Tensor& input) { return block(input, of_block); };
    x = options.recompute ? recomputed(x, apply) : apply(x);
  }
  if (options.cache) options.cache->advance(tokens.dim(1));
  for (Cache* cache : options.caches) cache->advance(tokens.dim(1));
  return norm_of(x);
}

Tensor Gpt::norm_of(const Tensor& x) const {
  return config().norm_place == NormPlace::post ? x : ln_f_(x, types_.activations());
}

Tensor Gpt::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  require_same_shape(tokens, targets);
  return head_->loss(trunk(tokens, options), targets);
}

Tensor Gpt::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  require_same_shape(tokens, targets);
  return reshape(head_->target_losses(trunk(tokens, options), targets), {targets.dim(0), targets.dim(1)});
}

Tensor Gpt::logits(const Tensor& tokens, const ForwardOptions& options) {
  const RowsApart each;
  return head_->logits(trunk(tokens, options), options);
}

Tensor Gpt::head_input(const Tensor& x) {
  const NoGrad none;
  return head_->states(norm_of(x));
}

Tensor Gpt::logits_of(const Tensor& x) {
  const NoGrad none;
  return head_->logits(norm_of(x));
}

std::unique_ptr<Cache> Gpt::new_cache(int64_t batch, int64_t capacity, KvFormat kv) const {
  return std::make_unique<KvCache>(config(), device(), parameters().dtype(), batch, capacity, kv);
}

double product_flops_per_token(const Gpt& model) {
  const ModelConfig& config = model.config();
  // A query attends to the keys up to its own within its window, `keys` of them on average. Each takes two
  // products of n_embd multiply-adds, and twice as many in the backward pass.
  const double T = static_cast<double>(config.block_size);
  const double w = config.window > 0 ? std::min(static_cast<double>(config.window), T) : T;
  const double keys = w * (T - (w - 1) / 2) / T;
  double flops = 0;
  bool reached = false;  // whether the backward pass reaches the input of this layer
  const auto add_weight = [&](const Parameter& p) {
    flops += static_cast<double>(p.shape.numel()) * (2 + (p.trains ? 2 : 0) + (reached ? 2 : 0));
  };
  for (const Parameter& p : model.parameters().all()) {
    const bool table = p.name == "transformer.wpe.weight" || p.name == "transformer.wte.weight";
    if (p.shape.rank() == 2 && !table) add_weight(p);
    reached |= p.trains || p.adapter.has_value();
    if (p.name.ends_with(".attn.c_attn.weight"))
      flops += (reached ? 12 : 4) * static_cast<double>(config.n_embd) * keys;
  }
  if (config.tie && !config.classifies()) add_weight(model.parameters().all().front());  // the head
  return flops;
}

}  // namespace hewn
