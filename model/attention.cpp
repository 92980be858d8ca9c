#include "model/attention.h"

#include "kernels/copy/op.h"
#include "model/weight.h"

namespace hewn {

SelfAttention::SelfAttention(Parameters& parameters, const std::string& name, const ModelConfig& config,
                             int64_t layer)
    : c_attn_(parameters, name + ".c_attn", config.n_embd, config.qkv_size(), config.bias && config.qkv_bias),
      c_proj_(parameters, name + ".c_proj", config.n_embd, config, DropoutPlace::attention_output, layer),
      weights_dropout_(config.attention_dropout(), DropoutPlace::attention_weights, layer),
      types_(parameters, config),
      form_(config.attention),
      layer_(layer),
      n_head_(config.n_head),
      n_kv_head_(config.kv_heads()),
      head_size_(config.head_size()),
      window_(config.window) {
  if (form_ == AttentionForm::per_head) c_attn_.weight->only_multiplied = false;  // its columns are copied
  if (config.pos == Positions::rotary) rotary_ = {.pairs = config.rope_pairs, .base = config.rope_theta};
}

// For each head:  q, k, v = x Wq, x Wk, x Wv          [T, D] each; rotary positions rotate q and k
//                 y = softmax(q k^T / sqrt(D)) v      over the keys up to the query's own, in its window
Tensor SelfAttention::operator()(const Tensor& x, const Tensor& residual,
                                 const ForwardOptions& options) const {
  const Scope scope("attn");
  Tensor y;  // the heads' outputs side by side, [B, T, C]
  if (options.cached()) {
    y = cached(x, options);
  } else {
    switch (form_) {
      case AttentionForm::per_head: y = per_head(x, options); break;
      case AttentionForm::batched: y = batched(x, options); break;
      case AttentionForm::fused: y = fused(x, options); break;
    }
  }
  return c_proj_(rows_at(y, options.ends), rows_at(residual, options.ends), options.step_state);
}

AttentionOptions SelfAttention::attention_options(int64_t heads, int64_t kv_heads,
                                                  const ForwardOptions& options) const {
  return {.n_head = heads,
          .n_kv_head = kv_heads,
          .window = window_,
          .dropout = weights_dropout_.active(options.step_state) ? weights_dropout_.p : 0,
          .step_state = options.step_state,
          .site = weights_dropout_.site};
}

Tensor SelfAttention::with_positions(const Tensor& qkv, int64_t start, const Tensor& position) const {
  if (!rotary_) return qkv;
  RotaryOptions rotation = *rotary_;
  rotation.start = start;
  rotation.position = position;
  return rotary_packed(qkv, n_head_ + 2 * n_kv_head_, n_head_ + n_kv_head_, rotation);
}

Tensor SelfAttention::project(const Tensor& x, DType result, const ForwardOptions& options) const {
  return with_positions(c_attn_(x, result, options.step_state), 0);
}

DType SelfAttention::fused_type() const {
  return head_size_ % 8 == 0 && head_size_ <= 128 ? types_.activations() : types_.parameters();
}

// One operation, which reads the heads directly from the packed projection and stores no T x T matrix.
Tensor SelfAttention::fused(const Tensor& x, const ForwardOptions& options) const {
  return causal_attention(project(x, fused_type(), options), attention_options(n_head_, n_kv_head_, options));
}

// The textbook form: heads become a batch dimension, [B, H, T, D], and the weights are [B, H, T, T].
Tensor SelfAttention::batched(const Tensor& x, const ForwardOptions& options) const {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2), H = n_head_, Hkv = n_kv_head_, D = head_size_;
  const Tensor qkv = project(x, types_.parameters(), options);  // [B, T, (H + 2 Hkv) D]
  const auto heads = [&](int64_t first, int64_t n) {            // n heads of q, k or v -> [B, n, T, D]
    const Tensor t = contiguous(slice(qkv, 2, first * D, n * D));
    return contiguous(permute(reshape(t, {B, T, n, D}), {0, 2, 1, 3}));
  };
  const Tensor y = causal_attention_composed(heads(0, H), heads(H, Hkv), heads(H + Hkv, Hkv),
                                             attention_options(H, Hkv, options));  // [B, H, T, D]
  return reshape(contiguous(permute(y, {0, 2, 1, 3})), {B, T, C});
}

// One head at a time, each with its own columns of the projection.
Tensor SelfAttention::per_head(const Tensor& input, const ForwardOptions& options) const {
  const Tensor x = cast(input, c_attn_.weight->value.dtype());
  const int64_t B = x.dim(0), T = x.dim(1), H = n_head_, Hkv = n_kv_head_, D = head_size_;
  const auto project_head = [&](int64_t head) {  // q, k or v of one head: [B, 1, T, D]
    const Tensor weight = contiguous(slice(c_attn_.weight->value, 1, head * D, D));
    const Tensor bias = c_attn_.bias ? contiguous(slice(c_attn_.bias->value, 0, head * D, D)) : Tensor();
    LowRank change = low_rank_of(*c_attn_.weight, options.step_state);
    change.a_bf16 = change.b_bf16 = {};  // this form computes in the type of the parameters
    if (change.defined()) change.b = contiguous(slice(change.b, 1, head * D, D));
    return reshape(linear(x, weight, bias, {.low_rank = change}), {B, 1, T, D});
  };
  const auto rotated = [&](int64_t head) {
    return rotary_ ? rotary(project_head(head), *rotary_) : project_head(head);
  };
  std::vector<Tensor> outputs;
  for (int64_t h = 0; h < H; ++h) {
    const Scope scope("head." + std::to_string(h));
    AttentionOptions of_head = attention_options(1, 1, options);
    of_head.site += static_cast<uint32_t>(h) << 20;  // its own dropout mask
    const int64_t kv = h / (H / Hkv);                // the keys and values that this head reads
    const Tensor y =
        causal_attention_composed(rotated(h), rotated(H + kv), project_head(H + Hkv + kv), of_head);
    outputs.push_back(reshape(y, {B, T, D}));
  }
  return H == 1 ? outputs[0] : concat(outputs, 2);
}

// Decoding, without gradients. Sequences of different lengths share the projections; those in pages also attend
// together, the others one after the other.
Tensor SelfAttention::cached(const Tensor& x, const ForwardOptions& options) const {
  const NoGrad none;
  const Tensor qkv = c_attn_(x, types_.parameters(), options.step_state);
  std::vector<KvCache*> caches;
  for (Cache* cache : options.cache ? std::vector<Cache*>{options.cache} : options.caches)
    caches.push_back(static_cast<KvCache*>(cache));
  if (caches[0]->in_pages()) return paged(qkv, caches);
  if (options.cache) return attend(qkv, *caches[0], options.positions);
  std::vector<Tensor> outputs;
  for (size_t b = 0; b < caches.size(); ++b) {
    const auto own = [b](const Tensor& all) { return all.sliced(0, static_cast<int64_t>(b), 1); };
    outputs.push_back(
        attend(own(qkv), *caches[b], options.positions.defined() ? own(options.positions) : Tensor()));
  }
  return concat(outputs, 0);
}

Tensor SelfAttention::paged(const Tensor& packed, std::span<KvCache* const> caches) const {
  const int64_t B = packed.dim(0), T = packed.dim(1);
  std::vector<PagedSequence> sequences;
  for (KvCache* cache : caches) {
    cache->make_room(T);
    for (size_t b = 0; b < (caches.size() == 1 ? static_cast<size_t>(B) : 1); ++b)
      sequences.push_back(cache->sequence(b));
  }
  const auto rotated = [&](int64_t first, int64_t n) {
    return with_positions(packed.sliced(0, first, n), sequences[static_cast<size_t>(first)].length);
  };
  Tensor qkv = packed;
  if (rotary_ && caches.size() == 1) {
    qkv = rotated(0, B);
  } else if (rotary_) {
    std::vector<Tensor> rows;
    for (int64_t b = 0; b < B; ++b) rows.push_back(rotated(b, 1));
    qkv = concat(rows, 0);
  }
  const KvCache& any = *caches[0];
  return paged_attention(
      qkv, {.layout = any.layout(), .n_head = n_head_, .offset = any.offset(layer_), .window = window_},
      sequences);
}

Tensor SelfAttention::attend(const Tensor& packed, KvCache& cache, const Tensor& positions) const {
  const Tensor qkv = with_positions(packed, cache.length(), positions);
  const int64_t B = qkv.dim(0), T = qkv.dim(1), H = n_head_, D = head_size_;
  const Tensor q = qkv.strided({B, H, T, D}, {T * qkv.dim(2), D, qkv.dim(2), 1}, qkv.offset());
  const auto [k, v] = cache.append(layer_, qkv, positions);
  const Tensor y =
      causal_attention(q, k, v, {.window = window_, .position = positions, .capacity = cache.capacity()});
  return reshape(contiguous(permute(y, {0, 2, 1, 3})), {B, T, H * D});
}

}  // namespace hewn
