#include "kernels/copy/op.h"

#include <numeric>

#include "kernels/contract/contract.h"
#include "kernels/copy/abi.h"

namespace hewn {
namespace {

constexpr OpInfo contiguous_info{"contiguous", "y = x, in row-major order", "dx = dy"};
constexpr OpInfo reshape_info{"reshape", "y = x with another shape", "dx = dy with x's shape"};
constexpr OpInfo permute_info{"permute", "y[i_order(0), i_order(1), ...] = x[i_0, i_1, ...]",
                              "dx = dy with its dimensions in the order of x"};
constexpr OpInfo slice_info{"slice", "y_i = x_(start + i)", "dx_(start + i) = dy_i, 0 elsewhere"};
constexpr OpInfo concat_info{"concat", "y = x_1, then x_2, ...", "dx_k = its slice of dy"};
constexpr OpInfo cast_info{"cast", "y = x as another dtype", "dx = dy as x's dtype"};

struct ReshapeNode final : Node {
  const OpInfo* what;
  Shape from;
  ReshapeNode(const OpInfo& op, const Shape& x) : what(&op), from(x) {}
  const OpInfo& info() const override { return *what; }
  void backward(const Tensor& dy, Grads& grads) override { grads.give(0, dy.viewed(from)); }
};

struct PermuteNode final : Node {
  std::vector<int> order;
  explicit PermuteNode(std::vector<int> o) : order(std::move(o)) {}
  const OpInfo& info() const override { return permute_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    // dx permuted by `order` has dy's shape.
    Strides strides{};
    for (size_t k = 0; k < order.size(); ++k) strides[k] = dx.stride(order[k]);
    copy_into(dx.strided(dy.shape(), strides, dx.offset()), dy, write);
  }
};

struct SliceNode final : Node {
  int dim;
  int64_t start;
  SliceNode(int d, int64_t s) : dim(d), start(s) {}
  const OpInfo& info() const override { return slice_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    auto [dx, write] = grads.at(0);
    if (write == Write::set) dx.zero();
    copy_into(dx.sliced(dim, start, dy.dim(dim)), dy, write);
  }
};

struct ConcatNode final : Node {
  int dim;
  std::vector<int64_t> lengths;
  ConcatNode(int d, std::vector<int64_t> l) : dim(d), lengths(std::move(l)) {}
  const OpInfo& info() const override { return concat_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    int64_t start = 0;
    for (size_t i = 0; i < lengths.size(); start += lengths[i++]) {
      if (!grads.wants(i)) continue;
      const auto [dx, write] = grads.at(i);
      copy_into(dx, dy.sliced(dim, start, lengths[i]), write);
    }
  }
};

struct CastNode final : Node {
  const OpInfo& info() const override { return cast_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    copy_into(dx, dy, write);
  }
};

/// The arguments of y (set or add) x, which have one shape.
Copy copy_of(const Tensor& y, const Tensor& x, Write to_y) {
  require(x.shape() == y.shape(), "copy: a tensor of shape ", x.shape(), " does not fit one of shape ",
          y.shape(), "; the shapes must be the same");
  Copy args{x.dtype(), y.dtype(), 0, {}, {}, {}, x.data(), y.data(), to_y};
  for (int i = 0; i < x.rank(); ++i)
    append_dimension<&Copy::x_stride, &Copy::y_stride>(args, x.dim(i), x.stride(i), y.stride(i));
  return args;
}

/// The shape with its -1, if any, replaced so that the number of elements matches.
Shape resolve(const Tensor& x, std::vector<int64_t> sizes) {
  int64_t known = 1;
  int64_t* unknown = nullptr;
  for (int64_t& size : sizes) {
    if (size == -1 && !unknown) {
      unknown = &size;
    } else {
      require(size >= 0, "reshape: size ", size, " is not valid for a tensor of shape ", x.shape(),
              "; expected sizes of 0 or more and at most one -1");
      known *= size;
    }
  }
  if (unknown) *unknown = known == 0 ? 0 : x.numel() / known;
  const Shape shape{std::span<const int64_t>(sizes)};
  require(shape.numel() == x.numel(), "reshape: shape ", x.shape(), " has ", x.numel(), " elements, ", shape,
          " has ", shape.numel());
  return shape;
}

}  // namespace

void copy_into(const Tensor& y, const Tensor& x, Write to_y) {
  const Copy args = copy_of(y, x, to_y);
  if (x.numel() > 0) run(y.device(), args);
}

void copy_into_rows(const Tensor& y, const Tensor& row, const Tensor& x) {
  require(x.rank() >= 2 && y.rank() == x.rank() && y.dim(1) >= x.dim(1), "copy: rows of shape ", x.shape(),
          " do not fit into a tensor of shape ", y.shape(), "; expected [B, T, ...] and [B, T or more, ...]");
  Copy args = copy_of(y.sliced(1, 0, x.dim(1)), x, Write::set);
  args.y_row = row.ptr<int32_t>();
  args.y_row_stride = y.stride(1);
  if (x.numel() > 0) run(y.device(), args);
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  const InOp op(contiguous_info);
  const Tensor y = x.like();
  copy_into(y, x, Write::set);
  return record(y, {x}, ReshapeNode(contiguous_info, x.shape()));
}

Tensor reshape(const Tensor& x, const std::vector<int64_t>& sizes) {
  const Shape shape = resolve(x, sizes);
  const Tensor source = contiguous(x);
  return record(source.viewed(shape), {source}, ReshapeNode(reshape_info, x.shape()));
}

Tensor as_column(const Tensor& x) {
  std::vector<int64_t> sizes(x.shape().sizes().begin(), x.shape().sizes().end());
  sizes.push_back(1);
  return reshape(x, sizes);
}

Tensor transpose(const Tensor& x, int i, int j) {
  std::vector<int> order(static_cast<size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<size_t>(x.shape().axis(i))], order[static_cast<size_t>(x.shape().axis(j))]);
  return permute(x, order);
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
  require(order.size() == static_cast<size_t>(x.rank()), "permute: an order of ", order.size(),
          " dimensions was given for a tensor of shape ", x.shape());
  std::array<int64_t, max_rank> sizes{};
  std::array<bool, max_rank> seen{};
  Strides strides{};
  std::vector<int> axes;
  for (const int dim : order) {
    const int axis = x.shape().axis(dim);
    require(!seen[static_cast<size_t>(axis)], "permute: dimension ", axis, " appears twice");
    seen[static_cast<size_t>(axis)] = true;
    sizes[axes.size()] = x.dim(axis);
    strides[axes.size()] = x.stride(axis);
    axes.push_back(axis);
  }
  const Shape shape(std::span<const int64_t>(sizes.data(), axes.size()));
  return record(x.strided(shape, strides, x.offset()), {x}, PermuteNode(std::move(axes)));
}

Tensor slice(const Tensor& x, int dim, int64_t start, int64_t length) {
  const Doing step("slice");
  const int axis = x.shape().axis(dim);
  return record(x.sliced(axis, start, length), {x}, SliceNode(axis, start));
}

std::vector<Tensor> split(const Tensor& x, int dim, const std::vector<int64_t>& lengths) {
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  require(total == x.dim(dim), "split: the lengths add up to ", total, ", but dimension ", dim, " of shape ",
          x.shape(), " is ", x.dim(dim));
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t length : lengths) {
    parts.push_back(slice(x, dim, start, length));
    start += length;
  }
  return parts;
}

Tensor concat(const std::vector<Tensor>& parts, int dim) {
  const InOp op(concat_info);
  require(!parts.empty(), "concat: no tensors were given");
  const Tensor& first = parts.front();
  const int axis = first.shape().axis(dim);
  std::vector<int64_t> lengths;
  for (const Tensor& part : parts) {
    require(part.rank() == first.rank() && part.dtype() == first.dtype() &&
                part.shape().with(axis, 0) == first.shape().with(axis, 0),
            "concat along dimension ", axis, ": a ", name_of(part.dtype()), " tensor of shape ", part.shape(),
            " cannot be appended to a ", name_of(first.dtype()), " one of shape ", first.shape());
    lengths.push_back(part.dim(axis));
  }
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  const Tensor y = first.like(first.shape().with(axis, total));
  int64_t start = 0;
  for (const Tensor& part : parts) {
    copy_into(y.sliced(axis, start, part.dim(axis)), part, Write::set);
    start += part.dim(axis);
  }
  return record(y, parts, std::make_unique<ConcatNode>(axis, std::move(lengths)));
}

Tensor as_type(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const Tensor y = Tensor::empty(x.device(), dtype, x.shape());
  copy_into(y, x, Write::set);
  return y;
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const InOp op(cast_info);
  const Tensor y = as_type(x, dtype);
  return is_float(dtype) ? record(y, {x}, CastNode()) : y;
}

}  // namespace hewn
