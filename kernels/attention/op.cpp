#include "kernels/attention/op.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention/abi.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"

namespace hewn {
namespace {

constexpr const char* formula =
    "y_i = sum_{j <= i} p_ij v_j, p_ij = exp(s_ij - lse_i), s_ij = q_i . k_j / sqrt(D), "
    "lse_i = log sum_{j <= i} exp(s_ij)";
constexpr const char* gradient =
    "dv_j = sum_i p_ij dy_i, ds_ij = p_ij (dy_i . v_j - dy_i . y_i), dq_i = sum_j ds_ij k_j / sqrt(D), "
    "dk_j = sum_i ds_ij q_i / sqrt(D)";
constexpr OpInfo packed_info{"causal_attention_packed", formula, gradient};
constexpr OpInfo general_info{"causal_attention", formula, gradient};

/// The sizes B, H, Hkv, Tq, Tk and D of a call.
struct Dims {
  int64_t B, H, Hkv, Tq, Tk, D;
};

AttentionSizes sizes_of(const Tensor& q, const Dims& n, const AttentionOptions& options) {
  require(options.window >= 0, "causal_attention: window = ", options.window,
          "; expected the number of keys that a query attends to, or 0 for all");
  require(options.dropout >= 0 && options.dropout < 1, "causal_attention: dropout = ", options.dropout,
          "; expected 0 to less than 1");
  const Tensor& state = options.step_state;
  if (options.dropout > 0)
    require(state.defined() && state.dtype() == DType::u8 && state.bytes() == sizeof(StepState),
            "causal_attention: dropout requires step_state, u8 [", sizeof(StepState), "]");
  const bool followed = options.position.defined();
  require(!followed || options.capacity >= n.Tk, "causal_attention: capacity = ", options.capacity, " for ",
          n.Tk, " keys; expected the maximum number of keys");
  const int64_t most = followed ? options.capacity : n.Tk;
  return {.dtype = q.dtype(),
          .B = n.B,
          .H = n.H,
          .Hkv = n.Hkv,
          .Tq = n.Tq,
          .Tk = n.Tk,
          .D = n.D,
          .window = options.window == 0 ? most : std::min(options.window, most),
          .scale = 1 / std::sqrt(static_cast<double>(n.D)),
          .dropout = options.dropout,
          .state = options.dropout > 0 ? static_cast<const StepState*>(state.data()) : nullptr,
          .site = options.site,
          .position = followed ? options.position.ptr<int32_t>() : nullptr,
          .capacity = followed ? most : 0};
}

/// The heads of [B, T, heads D] from head `first` on; in a packed projection, 0 (q), H (k) or H + Hkv (v).
HeadsOut heads_out(const Tensor& x, int64_t D, int64_t first) {
  return {static_cast<uint8_t*>(x.data()) + static_cast<size_t>(first * D) * size_of(x.dtype()), x.stride(0),
          D, x.stride(1)};
}
Heads heads_in(const Tensor& x, int64_t D, int64_t first) {
  const HeadsOut h = heads_out(x, D, first);
  return {h.data, h.batch, h.head, h.row};
}

/// The heads of a tensor [B, H, T, D].
HeadsOut heads_out(const Tensor& x) { return {x.data(), x.stride(0), x.stride(1), x.stride(2)}; }
Heads heads_in(const Tensor& x) { return {x.data(), x.stride(0), x.stride(1), x.stride(2)}; }

struct PackedAttentionNode final : Node {
  Saved qkv, y, lse, step_state;
  AttentionSizes sizes;
  PackedAttentionNode(const Tensor& input, const Tensor& output, const Tensor& log_sums,
                      const AttentionOptions& options, const AttentionSizes& s)
      : qkv(input), y(output), lse(log_sums), sizes(s) {
    if (options.dropout > 0) step_state = options.step_state;
  }
  const OpInfo& info() const override { return packed_info; }
  std::vector<SavedField> saved() const override {
    return {{"qkv", &qkv}, {"y", &y}, {"lse", &lse}, {"step_state", &step_state}};
  }
  void backward(const Tensor& dy, Grads& grads) override {
    const int64_t D = sizes.D, k = sizes.H, v = sizes.H + sizes.Hkv;
    const auto [dqkv, write] = grads.at(0);
    AttentionSizes s = sizes;
    if (s.dropout > 0) s.state = static_cast<const StepState*>(step_state->data());
    run(dy.device(),
        AttentionBackward{s, heads_in(*qkv, D, 0), heads_in(*qkv, D, k), heads_in(*qkv, D, v),
                          heads_in(*y, D, 0), heads_in(dy, D, 0), lse->data(), heads_out(dqkv, D, 0),
                          heads_out(dqkv, D, k), heads_out(dqkv, D, v), write, write, write});
  }
};

struct AttentionNode final : Node {
  Saved q, k, v, y, lse, step_state;
  AttentionSizes sizes;
  AttentionNode(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& output,
                const Tensor& log_sums, const AttentionOptions& options, const AttentionSizes& s)
      : q(queries), k(keys), v(values), y(output), lse(log_sums), sizes(s) {
    if (options.dropout > 0) step_state = options.step_state;
  }
  const OpInfo& info() const override { return general_info; }
  std::vector<SavedField> saved() const override {
    return {{"q", &q}, {"k", &k}, {"v", &v}, {"y", &y}, {"lse", &lse}, {"step_state", &step_state}};
  }
  void backward(const Tensor& dy, Grads& grads) override {
    // The kernel computes all three gradients in one pass; unneeded ones go to a temporary buffer.
    const auto target = [&](size_t i, const Saved& input) {
      return grads.wants(i) ? grads.at(i) : Grads::Target{input->like(), Write::set};
    };
    const auto [dq, to_dq] = target(0, q);
    const auto [dk, to_dk] = target(1, k);
    const auto [dv, to_dv] = target(2, v);
    AttentionSizes s = sizes;
    if (s.dropout > 0) s.state = static_cast<const StepState*>(step_state->data());
    run(dy.device(),
        AttentionBackward{s, heads_in(*q), heads_in(*k), heads_in(*v), heads_in(*y), heads_in(dy),
                          lse->data(), heads_out(dq), heads_out(dk), heads_out(dv), to_dq, to_dk, to_dv});
  }
};

/// Throws usage unless q, k and v are [B, H, Tq, D], [B, Hkv, Tk, D] and [B, Hkv, Tk, D] with Tq <= Tk, Hkv a
/// divisor of H, and contiguous rows.
void require_heads(const Tensor& q, const Tensor& k, const Tensor& v) {
  const bool shapes = q.rank() == 4 && k.rank() == 4 && k.shape() == v.shape() && k.numel() > 0 &&
                      q.shape() == k.shape().with(1, q.dim(1)).with(2, q.dim(2)) && q.numel() > 0 &&
                      q.dim(2) <= k.dim(2) && q.dim(1) % k.dim(1) == 0;
  require(shapes, "causal_attention: q ", q.shape(), ", k ", k.shape(), ", v ", v.shape(),
          "; expected [B, H, Tq, D], [B, Hkv, Tk, D] and [B, Hkv, Tk, D], with Tq <= Tk, Hkv a divisor of H, "
          "and none of them empty");
  require(q.dtype() == k.dtype() && q.dtype() == v.dtype(), "causal_attention: q is ", name_of(q.dtype()),
          ", k ", name_of(k.dtype()), ", v ", name_of(v.dtype()), "; expected the same dtype for all three");
  for (const Tensor* x : {&q, &k, &v})
    require(x->dim(3) == 1 || x->stride(3) == 1,
            "causal_attention: the rows of q, k and v must be contiguous; call contiguous() first");
}

}  // namespace

// Attention as in Vaswani et al., "Attention is all you need" (2017), section 3.2.1, without the score
// matrix: Dao, Fu, Ermon, Rudra, Re, "FlashAttention" (2022), algorithms 1 and 4, with the running maximum
// and sum of Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), algorithm 3. d_ij is
// the dropout mask, 1 without dropout.
//   y_i = sum_{j <= i} d_ij p_ij v_j,  p_ij = exp(s_ij - lse_i),  s_ij = q_i . k_j / sqrt(D)
// Backward: dp_ij = d_ij dy_i . v_j and, through the softmax, ds_ij = p_ij (dp_ij - sum_k p_ik dp_ik). The
// sum is dy_i . sum_k d_ik p_ik v_k = dy_i . y_i, so that a row needs no second pass over its keys:
//   dv_j = sum_i d_ij p_ij dy_i,  ds_ij = p_ij (dp_ij - dy_i . y_i),
//   dq_i = sum_j ds_ij k_j / sqrt(D),  dk_j = sum_i ds_ij q_i / sqrt(D)
// With a window, the sums over j begin at i - window + 1 (Child et al., "Generating long sequences with
// sparse transformers", 2019, section 4; Jiang et al., "Mistral 7B", 2023). With fewer key heads than query
// heads (Ainslie et al., "GQA", 2023, section 2), several query heads read the same key; dk and dv are summed
// over them too.
Tensor causal_attention(const Tensor& qkv, const AttentionOptions& options) {
  const InOp op(packed_info);
  const int64_t H = options.n_head, Hkv = options.n_kv_head == 0 ? H : options.n_kv_head;
  require(
      qkv.rank() == 3 && H > 0 && Hkv > 0 && H % Hkv == 0 && qkv.numel() > 0 &&
          qkv.dim(2) % (H + 2 * Hkv) == 0 && qkv.stride(2) == 1,
      "causal_attention: qkv is ", qkv.shape(), " with n_head = ", H, " and n_kv_head = ", Hkv,
      "; expected [B, T, (n_head + 2 n_kv_head) D] with contiguous rows, and n_kv_head a divisor of n_head");
  if (Unfold::on()) return causal_attention_composed(qkv, options);
  const int64_t B = qkv.dim(0), T = qkv.dim(1), D = qkv.dim(2) / (H + 2 * Hkv);
  const AttentionSizes sizes = sizes_of(qkv, {B, H, Hkv, T, T, D}, options);
  Tensor y = qkv.like({B, T, H * D}), lse = Tensor::empty(qkv.device(), sizes.lse_dtype(), {B, H, T});
  run(qkv.device(), AttentionForward{sizes, heads_in(qkv, D, 0), heads_in(qkv, D, H),
                                     heads_in(qkv, D, H + Hkv), heads_out(y, D, 0), lse.data()});
  return record(y, {qkv}, PackedAttentionNode(qkv, y, lse, options, sizes));
}

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  const InOp op(general_info);
  require_heads(q, k, v);
  if (Unfold::on()) return causal_attention_composed(contiguous(q), contiguous(k), contiguous(v), options);
  const Dims n{q.dim(0), q.dim(1), k.dim(1), q.dim(2), k.dim(2), q.dim(3)};
  const AttentionSizes sizes = sizes_of(q, n, options);
  Tensor y = q.like(), lse = Tensor::empty(q.device(), sizes.lse_dtype(), {n.B, n.H, n.Tq});
  run(q.device(), AttentionForward{sizes, heads_in(q), heads_in(k), heads_in(v), heads_out(y), lse.data()});
  return record(y, {q, k, v}, AttentionNode(q, k, v, y, lse, options, sizes));
}

}  // namespace hewn
