#include "model/attention.h"

#include "kernels/attention/op.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"

namespace hewn {

SelfAttention::SelfAttention(Parameters& parameters, const std::string& name, const ModelConfig& model_config,
                             double deviation, double join_deviation)
    : c_attn(parameters, name + ".c_attn", model_config.n_embd, 3 * model_config.n_embd,
             model_config.bias && model_config.qkv_bias, deviation),
      c_proj(parameters, name + ".c_proj", model_config.n_embd, model_config.n_embd, model_config.bias,
             join_deviation),
      config(model_config) {}

Tensor SelfAttention::operator()(const Tensor& x, const Tensor& residual, const AttentionPass& pass) const {
  const Scope scope("attn");
  Tensor y;
  if (pass.options.cache) {
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

Tensor SelfAttention::fused(const Tensor& x, const AttentionPass& pass) const {
  const Tensor& state = pass.options.step_state;
  return causal_attention(c_attn(x), {.n_head = config.n_head,
                                      .dropout = state.defined() ? config.attention_dropout() : 0,
                                      .step_state = state,
                                      .site = pass.weights_site});
}

Tensor SelfAttention::batched(const Tensor& x, const AttentionPass& pass) const {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2), H = config.n_head, D = config.head_size();
  const Tensor qkv = c_attn(x);
  const auto heads = [&](int64_t part) {  // [B, T, C] of q, k or v -> [B, H, T, D]
    const Tensor t = contiguous(narrow(qkv, 2, part * C, C));
    return contiguous(permute(reshape(t, {B, T, H, D}), {0, 2, 1, 3}));
  };
  const Tensor& state = pass.options.step_state;
  const Tensor y = causal_attention_composed(heads(0), heads(1), heads(2),
                                             {.n_head = H,
                                              .dropout = state.defined() ? config.attention_dropout() : 0,
                                              .step_state = state,
                                              .site = pass.weights_site});
  return reshape(contiguous(permute(y, {0, 2, 1, 3})), {B, T, C});
}

Tensor SelfAttention::per_head(const Tensor& x, const AttentionPass& pass) const {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2), H = config.n_head, D = config.head_size();
  const Tensor& state = pass.options.step_state;
  std::vector<Tensor> outputs;
  for (int64_t h = 0; h < H; ++h) {
    const Scope scope("head." + std::to_string(h));
    const auto project = [&](int64_t part) {  // this head's columns of the projection: [B, 1, T, D]
      const int64_t column = part * C + h * D;
      const Tensor weight = contiguous(narrow(c_attn.weight->value, 1, column, D));
      const Tensor bias = c_attn.bias ? contiguous(narrow(c_attn.bias->value, 0, column, D)) : Tensor();
      return reshape(linear(x, weight, bias), {B, 1, T, D});
    };
    const Tensor y =
        causal_attention_composed(project(0), project(1), project(2),
                                  {.n_head = 1,
                                   .dropout = state.defined() ? config.attention_dropout() : 0,
                                   .step_state = state,
                                   .site = pass.weights_site + (static_cast<uint32_t>(h) << 20)});
    outputs.push_back(reshape(y, {B, T, D}));
  }
  return H == 1 ? outputs[0] : concat(outputs, 2);
}

/// New queries against everything in the cache; without a gradient.
Tensor SelfAttention::cached(const Tensor& x, const AttentionPass& pass) const {
  const NoGrad none;
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2), H = config.n_head, D = config.head_size();
  const Tensor qkv = c_attn(x);
  const Tensor q = qkv.strided({B, H, T, D}, {T * 3 * C, D, 3 * C, 1}, 0);
  const auto [k, v] = pass.options.cache->append(pass.layer, qkv);
  return reshape(contiguous(permute(causal_attention(q, k, v), {0, 2, 1, 3})), {B, T, C});
}

}  // namespace hewn
