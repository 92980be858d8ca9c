#include "kernels/rotary/op.h"

#include <cmath>

#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"

namespace hewn {
namespace {

constexpr OpInfo rotary_info{
    "rotary", "y1 = x1 cos a - x2 sin a, y2 = x2 cos a + x1 sin a, a = (start + t) base^(-2i / D)",
    "dx1 = dy1 cos a + dy2 sin a, dx2 = dy2 cos a - dy1 sin a"};

Rotary rotary_of(const Tensor& x, const Tensor& y, const RotaryOptions& options, int64_t n_head,
                 int64_t rotated) {
  Rotary a{.pairs = options.pairs,
           .dtype = y.dtype(),
           .B = y.dim(0),
           .T = y.dim(-2),
           .H = n_head,
           .D = y.rank() == 3 ? y.dim(2) / n_head : y.dim(3),
           .rotated = rotated,
           .start = options.start,
           .base = options.base,
           .direction = 1,
           .x = {},
           .y = {},
           .to_y = Write::set,
           .position = options.position.defined() ? options.position.ptr<int32_t>() : nullptr};
  const auto place = [&](const Tensor& t, auto& heads) {
    heads = {t.data(), t.stride(0), t.rank() == 3 ? a.D : t.stride(1), t.stride(-2)};
  };
  place(x, a.x);
  place(y, a.y);
  return a;
}

/// Nothing is saved: the angles follow from the positions.
struct RotaryNode final : Node {
  RotaryOptions options;
  int64_t n_head, rotated;
  RotaryNode(const RotaryOptions& o, int64_t heads, int64_t rotated_heads)
      : options(o), n_head(heads), rotated(rotated_heads) {}
  const OpInfo& info() const override { return rotary_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    Rotary a = rotary_of(dy, dx, options, n_head, rotated);
    a.direction = -1;
    a.to_y = write;
    run(dy.device(), a);
  }
};

void require_rows(const Tensor& x, const RotaryOptions& options) {
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64 || x.dtype() == DType::bf16, "rotary: x is ",
          name_of(x.dtype()), "; expected f32, f64 or bf16");
  require(options.base > 0 && options.start >= 0, "rotary: base = ", options.base,
          ", start = ", options.start, "; expected a base above 0 and a start of 0 or more");
}

}  // namespace

// Su, Lu, Pan, Murtadha, Wen, Liu, "RoFormer: Enhanced transformer with rotary position embedding" (2021),
// equations 14, 15 and 34. A pair is a point of the plane, rotated by the angle a. A rotation preserves
// lengths and inner products, and the gradient is rotated back:
//   dx1 = dy1 ∂y1/∂x1 + dy2 ∂y2/∂x1 = dy1 cos a + dy2 sin a,  dx2 = -dy1 sin a + dy2 cos a
// which is the forward formula with -a.
Tensor rotary(const Tensor& x, const RotaryOptions& options) {
  const InOp op(rotary_info);
  require(x.rank() == 4 && x.numel() > 0 && x.dim(3) % 2 == 0 && x.stride(3) == 1, "rotary: x is ", x.shape(),
          "; expected [B, H, T, D] with contiguous rows and an even D");
  require_rows(x, options);
  Tensor y = x.like();
  const int64_t H = x.dim(1);
  run(x.device(), rotary_of(x, y, options, H, H));
  return record(y, {x}, RotaryNode(options, H, H));
}

Tensor rotary_packed(const Tensor& x, int64_t n_head, int64_t rotated, const RotaryOptions& options) {
  const InOp op(rotary_info);
  require(x.rank() == 3 && x.numel() > 0 && x.is_contiguous() && n_head > 0 && x.dim(2) % (2 * n_head) == 0 &&
              rotated >= 0 && rotated <= n_head,
          "rotary: x is ", x.shape(), " with n_head = ", n_head, ", rotated = ", rotated,
          "; expected a contiguous [B, T, n_head D] with an even D, and rotated <= n_head");
  require_rows(x, options);
  Tensor y = x.like();
  run(x.device(), rotary_of(x, y, options, n_head, rotated));
  return record(y, {x}, RotaryNode(options, n_head, rotated));
}

}  // namespace hewn
