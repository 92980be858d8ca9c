#include "kernels/recurrent/op.h"

#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/abi.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/recurrent/abi.h"

// Shapes: T steps of B sequences, H units; u_t = x_t + h_(t-1) W, [B, H] or [B, 4H], is what enters the curves of a
// step. A step is two launches, forward as well as backward: a product, in whose epilogue x_t or the gradient from above
// is added, and all curves with their sums. The gradient of W is one product over all steps.

namespace hewn {
namespace {

constexpr OpInfo rnn_info{
    "rnn", "h_t = tanh u_t, u_t = x_t + h_(t-1) W",
    "dx_t = du_t = (1 - h_t^2) (dh_t + du_(t+1) W^T), dW = sum over t of h_(t-1)^T du_t"};
constexpr OpInfo lstm_info{
    "lstm",
    "c_t = f c_(t-1) + i g, h_t = o tanh c_t; i | f | g | o = s | s | tanh | s of u_t = x_t + h_(t-1) W",
    "with e = dh_t + du_(t+1) W^T and k = dc_t + e o (1 - tanh^2 c_t): dx_t = du_t = k g i (1 - i) | k "
    "c_(t-1) f (1 - f) "
    "| k i (1 - g^2) | e tanh c_t o (1 - o), dc_(t-1) = k f, dW = sum over t of h_(t-1)^T du_t"};

/// Step t of [T, B, n]: [B, n].
Tensor at(const Tensor& all, int64_t t) { return all.sliced(0, t, 1).viewed({all.dim(1), all.dim(2)}); }
/// Steps [first, first + n) of [T, B, C] as rows.
Tensor rows_of(const Tensor& all, int64_t first, int64_t n) {
  return all.sliced(0, first, n).viewed({n * all.dim(1), all.dim(2)});
}

/// to = residual + a b, [B, N].
void product(const Tensor& a, const Tensor& b, const Tensor& residual, const Tensor& to) {
  Matmul m = product_of(a, b, to, Write::set);
  m.epilogue.residual = residual.data();
  run_product(to.device(), m);
}

/// Returns u_t: in `to`, or x_t itself if there is no h_(t-1).
Tensor entering(const Tensor& x_t, const Tensor& h_before, const Tensor& weight, const Tensor& to) {
  if (!h_before.defined()) return x_t;
  product(h_before, weight, x_t, to);
  return to;
}

/// The gradient of h_t, for dy [T, B, H] and du [T, B, N], complete from t + 1 on: in `to`, or dy_t itself at the last
/// step.
Tensor arriving(const Tensor& dy, const Tensor& du, const Tensor& weight, int64_t t, const Tensor& to) {
  if (t + 1 == dy.dim(0)) return at(dy, t);
  product(at(du, t + 1), weight.transposed(0, 1), at(dy, t), to);
  return to;
}

/// The gradients of both inputs, from that of all u.
void pass_on(const Tensor& h, const Tensor& du, Grads& grads) {
  if (grads.wants(1)) {
    auto [dw, write] = grads.at(1);
    if (const int64_t T = h.dim(0); T > 1)
      multiply(rows_of(h, 0, T - 1).transposed(0, 1), rows_of(du, 1, T - 1), dw, write);
    else if (write == Write::set)
      dw.zero();
  }
  if (grads.wants(0)) grads.give(0, du);
}

struct RnnNode final : Node {
  Saved h, weight;
  RnnNode(const Tensor& output, const Tensor& w) : h(output), weight(w) {}
  const OpInfo& info() const override { return rnn_info; }
  std::vector<SavedField> saved() const override { return {{"h", &h}, {"weight", &weight}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const Tensor du = h->like();
    for (int64_t t = h->dim(0) - 1; t >= 0; --t) {
      const Tensor du_t = at(du, t), dh = arriving(dy, du, *weight, t, du_t);
      run(dy.device(), UnaryBackward{UnaryOp::tanh, dy.dtype(), du_t.numel(), at(*h, t).data(), dh.data(),
                                     du_t.data(), Write::set});
    }
    pass_on(*h, du, grads);
  }
};

struct LstmNode final : Node {
  Saved h, weight, gates, c;  // gates [T, B, 4H], the others [T, B, H]
  LstmNode(const Tensor& output, const Tensor& w, const Tensor& g, const Tensor& cells)
      : h(output), weight(w), gates(g), c(cells) {}
  const OpInfo& info() const override { return lstm_info; }
  std::vector<SavedField> saved() const override {
    return {{"h", &h}, {"weight", &weight}, {"gates", &gates}, {"c", &c}};
  }
  void backward(const Tensor& dy, Grads& grads) override {
    const int64_t T = h->dim(0), B = h->dim(1), H = h->dim(2);
    const Tensor du = gates->like(), dh = h->like({B, H}), dc = h->like({B, H});
    for (int64_t t = T - 1; t >= 0; --t)
      run(dy.device(), LstmBackward{.dtype = dy.dtype(),
                                    .rows = B,
                                    .cols = H,
                                    .gates = at(*gates, t).data(),
                                    .c_before = t > 0 ? at(*c, t - 1).data() : nullptr,
                                    .c = at(*c, t).data(),
                                    .dh = arriving(dy, du, *weight, t, dh).data(),
                                    .dc = t + 1 < T ? dc.data() : nullptr,
                                    .dx = at(du, t).data(),
                                    .dc_before = dc.data()});
    pass_on(*h, du, grads);
  }
};

void check(const OpInfo& info, const Tensor& x, const Tensor& weight, int64_t gates,
           const RecurrentState* state) {
  require(x.rank() == 3 && x.dim(0) >= 1 && x.is_contiguous() &&
              (x.dtype() == DType::f32 || x.dtype() == DType::f64),
          info.name, ": x is ", name_of(x.dtype()), " ", x.shape(),
          "; expected contiguous f32 or f64 [T, B, ", (gates > 1 ? "4H" : "H"), "], T >= 1");
  require(weight.rank() == 2 && weight.is_contiguous() && weight.dtype() == x.dtype() &&
              weight.dim(1) == x.dim(2) && weight.dim(1) == gates * weight.dim(0),
          info.name, ": the weight is ", name_of(weight.dtype()), " ", weight.shape(), " for x ", x.shape(),
          "; expected ", name_of(x.dtype()), (gates > 1 ? " [H, 4H]" : " [H, H]"));
  if (!state) return;
  require(!recording({x, weight}), info.name, ": a step with a state cannot be recorded");
  const Shape expected{x.dim(1), weight.dim(0)};
  for (const Tensor* part : {&state->h, gates > 1 ? &state->c : &state->h})
    require(
        part->defined() && part->shape() == expected && part->dtype() == x.dtype() && part->is_contiguous(),
        info.name, ": the state must be contiguous ", name_of(x.dtype()), " ", expected);
}

}  // namespace

// h_t feeds the loss directly (dh_t) and through u_(t+1) = ... + h_t W; W is in the u of every step but the first.
Tensor rnn(const Tensor& x, const Tensor& weight, RecurrentState* state) {
  const InOp op(rnn_info);
  check(rnn_info, x, weight, 1, state);
  const Tensor h = x.like();
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const Tensor h_t = at(h, t), before = t > 0 ? at(h, t - 1) : state ? state->h : Tensor();
    const Tensor u = entering(at(x, t), before, weight, h_t);
    run(x.device(), UnaryForward{UnaryOp::tanh, x.dtype(), h_t.numel(), 0, u.data(), h_t.data(), Write::set});
  }
  if (state) state->h.copy_from(at(h, x.dim(0) - 1));
  return record(h, {x, weight}, RnnNode(h, weight));
}

Tensor lstm(const Tensor& x, const Tensor& weight, RecurrentState* state) {
  const InOp op(lstm_info);
  check(lstm_info, x, weight, 4, state);
  const int64_t T = x.dim(0), B = x.dim(1), H = weight.dim(0);
  const bool keep = recording({x, weight});  // gates and c of all steps, or only of the current one
  const int64_t kept = keep ? T : 1;
  const Tensor h = x.like({T, B, H}), gates = x.like({kept, B, 4 * H}), c = x.like({kept, B, H});
  for (int64_t t = 0; t < T; ++t) {
    const Tensor gates_t = at(gates, keep ? t : 0), c_t = at(c, keep ? t : 0);
    const Tensor before = t > 0 ? at(h, t - 1) : state ? state->h : Tensor();
    const Tensor c_before = t > 0 ? at(c, keep ? t - 1 : 0) : state ? state->c : Tensor();
    run(x.device(), LstmForward{.dtype = x.dtype(),
                                .rows = B,
                                .cols = H,
                                .x = entering(at(x, t), before, weight, gates_t).data(),
                                .c_before = c_before.defined() ? c_before.data() : nullptr,
                                .gates = gates_t.data(),
                                .c = c_t.data(),
                                .h = at(h, t).data()});
  }
  if (state) {
    state->h.copy_from(at(h, T - 1));
    state->c.copy_from(at(c, kept - 1));
  }
  return record(h, {x, weight}, LstmNode(h, weight, gates, c));
}

}  // namespace hewn
