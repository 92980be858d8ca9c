#include "kernels/linear/low_rank_pass.h"

#include "kernels/contract/contract.h"
#include "kernels/dropout/abi.h"
#include "kernels/matmul/op.h"

namespace hewn {
namespace {

/// y (set or add) d(x).
void drop(double p, uint32_t site, const StepState* state, const Tensor& x, const Tensor& y, Write write) {
  run(x.device(), Dropout{x.dtype(), x.numel(), p, site, state, x.data(), y.data(), write});
}

Tensor dropped(double p, uint32_t site, const StepState* state, const Tensor& x) {
  if (!state || x.numel() == 0) return x;
  const Tensor y = x.like();
  drop(p, site, state, x, y, Write::set);
  return y;
}

const StepState* state_of(const LowRank& change) {
  return change.drops() ? static_cast<const StepState*>(change.step_state.data()) : nullptr;
}

void check_factor(const char* name, const Tensor& t, const Tensor& copy, const Shape& shape, DType type,
                  bool bf16) {
  require(t.defined() && t.shape() == shape && t.dtype() == type && t.is_contiguous(), "linear: ", name,
          " of the low-rank change is ", t.defined() ? name_of(t.dtype()) : "undefined", " ",
          t.defined() ? t.shape() : Shape{}, "; expected ", name_of(type), " ", shape);
  require(copy.defined() == bf16 && (!bf16 || (copy.shape() == shape && copy.dtype() == DType::bf16)),
          "linear: ", name, " of the low-rank change needs a bf16 copy if and only if the weight has one");
}

}  // namespace

void check_low_rank(const LowRank& change, int64_t in, int64_t out, DType type, bool bf16) {
  require(change.a.rank() == 2 && change.a.dim(0) > 0, "linear: A of the low-rank change is ",
          change.a.shape(), "; expected [r, in] with r of at least 1");
  const int64_t rank = change.a.dim(0);
  check_factor("A", change.a, change.a_bf16, {rank, in}, type, bf16);
  check_factor("B", change.b, change.b_bf16, {rank, out}, type, bf16);
  require(change.dropout >= 0 && change.dropout < 1, "linear: dropout of the low-rank change is ",
          change.dropout, "; expected a probability from 0 to less than 1");
}

Tensor reduced(const LowRank& change, const Tensor& x) {
  const Tensor& a = change.factor_a();
  const Tensor u = Tensor::empty(x.device(), a.dtype(), {x.rows(), a.dim(0)});
  multiply(dropped(change.dropout, change.site, state_of(change), x), a.transposed(0, 1), u, Write::set);
  return u;
}

void add_expanded(const LowRank& change, const Tensor& u, const Tensor& y) {
  multiply(u, change.factor_b(), y, Write::add, change.scale);
}

SavedLowRank::SavedLowRank(const LowRank& change, const Tensor& reduced_x)
    : a(change.factor_a()),
      b(change.factor_b()),
      u(reduced_x),
      scale(change.scale),
      dropout(change.dropout),
      site(change.site),
      state(state_of(change)) {}

Tensor SavedLowRank::reduced_gradient(const Tensor& dy) const {
  const Tensor v = u->like();
  multiply(dy, b->transposed(0, 1), v, Write::set, scale);
  return v;
}

void SavedLowRank::add_to_input(const Tensor& v, const Tensor& dx) const {
  if (!state) return multiply(v, *a, dx, Write::add);
  const Tensor before = dx.like();
  multiply(v, *a, before, Write::set);
  if (dx.numel() > 0) drop(dropout, site, state, before, dx, Write::add);
}

void SavedLowRank::gradient_of_a(const Tensor& v, const Tensor& x, const Grads::Target& da) const {
  multiply(v.transposed(0, 1), dropped(dropout, site, state, x), da.tensor, da.write);
}

void SavedLowRank::gradient_of_b(const Tensor& dy, const Grads::Target& db) const {
  multiply(u->transposed(0, 1), dy, db.tensor, db.write, scale);
}

}  // namespace hewn
