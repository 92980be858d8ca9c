#include "model/gpt.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/recompute.h"
#include "kernels/activation/op.h"
#include "kernels/contract/rows_apart.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/embedding/op.h"
#include "kernels/linear_cross_entropy/chunks.h"
#include "kernels/linear_cross_entropy/op.h"
#include "kernels/matmul/op.h"
#include "model/kv_cache.h"

// Shapes: B sequences of T tokens, C = n_embd, V = vocab_size. The residual stream x is [B, T, C] throughout.

namespace hewn {
namespace {

/// The mean of the losses whose targets are not ignored: a scalar.
Tensor mean_of_kept(const Tensor& losses, const Tensor& targets) {
  const std::vector<double> each = losses.doubles();
  const std::vector<int32_t> ids = targets.values<int32_t>();
  const auto kept = std::count_if(ids.begin(), ids.end(), [](int32_t id) { return id != ignored_target; });
  const double sum = std::accumulate(each.begin(), each.end(), 0.0);  // ignored ones are 0
  return Tensor::from(losses.device(),
                      std::vector<float>{static_cast<float>(sum / static_cast<double>(kept))}, {});
}

}  // namespace

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
  if (config.classifies())
    score_ = parameters().add(score_name, {config.n_labels, config.n_embd}, Init::normal(initial_deviation));
  else if (!config.tie)
    lm_head_ = parameters().add("lm_head.weight", {config.vocab_size, config.n_embd},
                                Init::normal(initial_deviation));
  head().only_multiplied = &head() != wte_;
}

// x = dropout(wte[token] + wpe[position])
Tensor Gpt::embed(const Tensor& tokens, const ForwardOptions& options) {
  const Scope scope("embed");
  const DType type = types_.stream();
  Tensor x;
  if (wte_->blocks) {
    x = embedding_in_blocks(*wte_->blocks, tokens);
    if (wpe_.exists()) x = add(x, wpe_.rows_of(tokens, options, type));
  } else if (!wpe_.exists()) {
    x = embedding(value_of(*wte_), tokens, type);
  } else if (!config().concatenates() && options.caches.empty() && !options.positions.defined()) {
    const int64_t start = options.cache ? options.cache->length() : 0;
    x = embedding(value_of(*wte_), wpe_.rows(), tokens, start,
                  type);  // both look-ups and the sum in one operation
  } else {
    const Tensor position = wpe_.rows_of(tokens, options, type);
    x = embedding(value_of(*wte_), tokens, type);
    x = config().concatenates() ? concat({x, position}, 2) : add(x, position);
  }
  return DropoutLayer(config().dropout, DropoutPlace::embeddings)(x, options.step_state);
}

// x = embed(tokens);  x = block(x) for each block;  x = ln_f(x)
Tensor Gpt::trunk(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, options);
  Tensor x = embed(tokens, options);
  ForwardOptions of_block = options;
  for (const Block& block : blocks_) {
    of_block.ends = &block == &blocks_.back() && !pools() ? options.ends : std::vector<int64_t>();
    const auto apply = [&block, of_block](const Tensor& input) { return block(input, of_block); };
    x = options.recompute ? recomputed(x, apply) : apply(x);
  }
  if (options.cache) options.cache->advance(tokens.dim(1));
  for (Cache* cache : options.caches) cache->advance(tokens.dim(1));
  if (config().norm_place == NormPlace::post) return x;
  return ln_f_(x, types_.activations());
}

// position = mean: the mean of the states of tokens 0 to t, at each t, as a product with a constant matrix. Only
// positions with a target, the last tokens of texts, contribute to the loss.
Tensor Gpt::pooled(const Tensor& x) {
  if (!pools()) return x;
  const int64_t T = x.dim(1), most = config().block_size;
  const DType dtype = parameters().dtype();
  if (!means_.defined()) {
    std::vector<double> rows(static_cast<size_t>(most * most));
    for (int64_t t = 0; t < most; ++t)
      std::fill_n(rows.begin() + t * most, t + 1, 1 / static_cast<double>(t + 1));
    const MemUseScope use(MemUse::data);
    means_ = as_type(Tensor::from(device(), rows, {most, most}), dtype);
    means_.set_name("means");
  }
  return matmul(means_.sliced(0, 0, T).sliced(1, 0, T), x.dtype() == dtype ? x : cast(x, dtype));
}

Tensor Gpt::rows_for_head(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  require(tokens.shape() == targets.shape(), "tokens are ", tokens.shape(), ", targets ", targets.shape());
  Tensor x = trunk(tokens, options);
  const Scope scope("head");
  x = pooled(x);
  return reshape(x, {x.rows(), x.cols()});
}

// x head^T
Tensor Gpt::times_head(const Tensor& x) const {
  if (head().blocks) return linear_in_blocks(x, *head().blocks, Tensor());
  return linear(x, value_of(head()), Tensor(), {.layout = Layout::out_in, .weight_bf16 = bf16_of(head())});
}

// -log P of each target, from the logits of a chunk of rows at a time, with a head in blocks.
Tensor Gpt::losses_in_blocks(const Tensor& x, const Tensor& targets) {
  const int64_t rows = x.dim(0), vocabulary = head().shape[0];
  check_targets("loss", targets, rows, vocabulary);
  std::vector<Tensor> losses;
  chunks_within(cpu_logits_bytes, rows, vocabulary * static_cast<int64_t>(sizeof(float)))
      .each([&](int64_t first, int64_t n) {
        const Tensor of_chunk = targets.sliced(0, first, n);
        const std::vector<int32_t> ids = of_chunk.values<int32_t>();
        const bool ignored =
            std::all_of(ids.begin(), ids.end(), [](int32_t id) { return id == ignored_target; });
        losses.push_back(ignored ? Tensor::zeros(x.device(), DType::f32, {n})
                                 : cross_entropy_rows(times_head(x.sliced(0, first, n)), of_chunk));
      });
  return losses.size() == 1 ? losses[0] : concat(losses, 0);
}

// loss = mean over targets of -log softmax(x head^T)[target], without storing the [B T, V] logits of the batch
Tensor Gpt::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  const Tensor x = rows_for_head(tokens, targets, options);
  const Scope scope("head");
  const Tensor wanted = targets.viewed({targets.numel()});
  if (head().blocks) return mean_of_kept(losses_in_blocks(x, wanted), wanted);
  return linear_cross_entropy(x, value_of(head()), Tensor(), wanted, {.weight_bf16 = bf16_of(head())});
}

Tensor Gpt::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  const Tensor x = rows_for_head(tokens, targets, options);
  const Scope scope("head");
  const Tensor wanted = targets.viewed({targets.numel()});
  return reshape(head().blocks ? losses_in_blocks(x, wanted)
                               : linear_cross_entropy_rows(x, value_of(head()), Tensor(), wanted,
                                                           {.weight_bf16 = bf16_of(head())}),
                 {targets.dim(0), targets.dim(1)});
}

Tensor Gpt::logits(const Tensor& tokens, const ForwardOptions& options) {
  const RowsApart each;
  Tensor x = trunk(tokens, options);
  const Scope scope("head");
  x = pooled(x);
  if (head().inputs) head().inputs->add(x);
  if (pools()) x = rows_at(x, options.ends);
  if (options.last_only && x.dim(1) > 1) x = contiguous(slice(x, 1, x.dim(1) - 1, 1));  // [B, 1, C]
  return times_head(x);
}

Tensor Gpt::head_input(const Tensor& x) {
  const NoGrad none;
  return pooled(config().norm_place == NormPlace::post ? x : ln_f_(x, types_.activations()));
}

Tensor Gpt::logits_of(const Tensor& x) {
  const NoGrad none;
  return times_head(head_input(x));
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
