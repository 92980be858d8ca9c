#include "model/attention.h"

#include "kernels/attention/op.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"

namespace hewn {

SelfAttention::SelfAttention(Parameters& parameters, const std::string& name, const ModelConfig& model_config,
                             double deviation, double join_deviation)
    : c_attn(parameters, name + ".c_attn", model_config.n_embd, model_config.qkv_size(),
             model_config.bias && model_config.qkv_bias, deviation),
      c_proj(parameters, name + ".c_proj", model_config.n_embd, model_config.n_embd, model_config.bias,
             join_deviation),
      config(model_config) {}

Tensor SelfAttention::operator()(const Tensor& x, const Tensor& residual, const AttentionPass& pass) const {
  const Scope scope("attn");
  Tensor y;
  if (pass.options.cache || !pass.options.caches.empty()) {
    y = cached(x, pass);
  } else {
    switch (config.attention) {
      case AttentionForm::per_head: y = per_head(x, pass); break;
      case AttentionForm::batched: y = batched(x, pass); break;
      case AttentionForm::fused: y = fused(x, pass); break;
    }
  }
  const DropoutPlace drop{config.dropout, pass.output_site};
  if (drop.p == 0 || !pass.options.step_state.defined()) return c_proj(y, Activation::none, residual);
  y = drop(c_proj(y), pass.options.step_state);
  return residual.defined() ? add(residual, y) : y;
}

RotaryOptions SelfAttention::turn(int64_t start) const {
  return {.pairs = config.rope_pairs, .base = config.rope_theta, .start = start};
}

Tensor SelfAttention::with_positions(const Tensor& qkv, int64_t start) const {
  if (config.pos != Positions::rotary) return qkv;
  const int64_t heads = config.n_head + config.kv_heads();
  return rotary_packed(qkv, heads + config.kv_heads(), heads, turn(start));
}

Tensor SelfAttention::project(const Tensor& x) const { return with_positions(c_attn(x), 0); }

Tensor SelfAttention::project_bf16(const Tensor& x) const {
  const int64_t D = config.head_size();
  if (D % 8 != 0 || D > 128 || !bf16_result_for(*c_attn.weight)) return project(x);
  return config.pos == Positions::rotary ? cast(project(x), DType::bf16) : c_attn.bf16_result(x);
}

Tensor SelfAttention::fused(const Tensor& x, const AttentionPass& pass) const {
  const Tensor& state = pass.options.step_state;
  return causal_attention(project_bf16(x), {.n_head = config.n_head,
                                            .n_kv_head = config.kv_heads(),
                                            .window = config.window,
                                            .dropout = state.defined() ? config.attention_dropout() : 0,
                                            .step_state = state,
                                            .site = pass.weights_site});
}

Tensor SelfAttention::batched(const Tensor& x, const AttentionPass& pass) const {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2), H = config.n_head, Hkv = config.kv_heads(),
                D = config.head_size();
  const Tensor qkv = project(x);
  const auto heads = [&](int64_t first, int64_t n) {  // n heads of q, k or v -> [B, n, T, D]
    const Tensor t = contiguous(slice(qkv, 2, first * D, n * D));
    return contiguous(permute(reshape(t, {B, T, n, D}), {0, 2, 1, 3}));
  };
  const Tensor& state = pass.options.step_state;
  const Tensor y = causal_attention_composed(heads(0, H), heads(H, Hkv), heads(H + Hkv, Hkv),
                                             {.n_head = H,
                                              .window = config.window,
                                              .dropout = state.defined() ? config.attention_dropout() : 0,
                                              .step_state = state,
                                              .site = pass.weights_site});
  return reshape(contiguous(permute(y, {0, 2, 1, 3})), {B, T, C});
}

Tensor SelfAttention::per_head(const Tensor& x, const AttentionPass& pass) const {
  const int64_t B = x.dim(0), T = x.dim(1), H = config.n_head, Hkv = config.kv_heads(),
                D = config.head_size();
  const Tensor& state = pass.options.step_state;
  std::vector<Tensor> outputs;
  for (int64_t h = 0; h < H; ++h) {
    const Scope scope("head." + std::to_string(h));
    const auto columns = [&](int64_t head) {  // one head's columns of the projection: [B, 1, T, D]
      const int64_t column = head * D;
      const Tensor weight = contiguous(slice(c_attn.weight->value, 1, column, D));
      const Tensor bias = c_attn.bias ? contiguous(slice(c_attn.bias->value, 0, column, D)) : Tensor();
      return reshape(linear(x, weight, bias), {B, 1, T, D});
    };
    const auto rotated = [&](int64_t head) {
      return config.pos == Positions::rotary ? rotary(columns(head), turn(0)) : columns(head);
    };
    const int64_t kv = h / (H / Hkv);  // the keys and values this head reads
    const Tensor y =
        causal_attention_composed(rotated(h), rotated(H + kv), columns(H + Hkv + kv),
                                  {.n_head = 1,
                                   .window = config.window,
                                   .dropout = state.defined() ? config.attention_dropout() : 0,
                                   .step_state = state,
                                   .site = pass.weights_site + (static_cast<uint32_t>(h) << 20)});
    outputs.push_back(reshape(y, {B, T, D}));
  }
  return H == 1 ? outputs[0] : concat(outputs, 2);
}

/// Without a gradient. Sequences of different lengths share the projections, and attend one by one.
Tensor SelfAttention::cached(const Tensor& x, const AttentionPass& pass) const {
  const NoGrad none;
  const Tensor qkv = c_attn(x);
  if (pass.options.cache) return attend(qkv, *pass.options.cache, pass.layer);
  std::vector<Tensor> outputs;
  for (size_t b = 0; b < pass.options.caches.size(); ++b)
    outputs.push_back(attend(qkv.sliced(0, static_cast<int64_t>(b), 1), *pass.options.caches[b], pass.layer));
  return concat(outputs, 0);
}

Tensor SelfAttention::attend(const Tensor& packed, KvCache& cache, int64_t layer) const {
  const Tensor qkv = with_positions(packed, cache.length());
  const int64_t B = qkv.dim(0), T = qkv.dim(1), H = config.n_head, D = config.head_size();
  const Tensor q = qkv.strided({B, H, T, D}, {T * qkv.dim(2), D, qkv.dim(2), 1}, qkv.offset());
  const auto [k, v] = cache.append(layer, qkv);
  const Tensor y = causal_attention(q, k, v, {.window = config.window});
  return reshape(contiguous(permute(y, {0, 2, 1, 3})), {B, T, H * D});
}

}  // namespace hewn
