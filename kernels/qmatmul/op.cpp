#include "kernels/qmatmul/op.h"

#include <algorithm>
#include <optional>

#include "core/dtype.h"
#include "core/tape.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/copy/op.h"
#include "kernels/embedding/op.h"
#include "kernels/matmul/op.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

constexpr OpInfo linear_info{"linear_in_blocks",
                             "y = q(x) W^T + b, q(x) the nearest numbers in blocks of int8, or bf16",
                             "none: quantised weights do not train"};
constexpr OpInfo embedding_info{"embedding_in_blocks", "y_i = W[ids_i]",
                                "none: quantised weights do not train"};

/// The rows of x as `QMatmul` reads them.
struct QuantisedRows {
  Tensor q, scale, sum;
};

QuantisedRows quantised_rows(const Tensor& x, bool one_scale) {
  const int64_t rows = x.rows(), padded = padded_cols(x.cols()), blocks = padded / quantised_block;
  const QuantisedRows to{Tensor::empty(x.device(), DType::i8, {rows, padded}),
                         Tensor::empty(x.device(), DType::f32, {rows, blocks}),
                         Tensor::empty(x.device(), DType::i32, {rows, blocks})};
  run(x.device(), QuantizeRows{rows, x.cols(), x.ptr<float>(), to.q.ptr<int8_t>(), to.scale.ptr<float>(),
                               to.sum.ptr<int32_t>(), one_scale});
  return to;
}

/// The rows of a part in bf16.
Tensor widened_to_bf16(Device& device, const BlockMatrix::Part& part, int64_t cols) {
  const BlockFormat& format = format_of(part.format);
  const int64_t n = part.rows * cols;
  std::vector<BFloat16> values(static_cast<size_t>(n));
  parallel_for({.threads = executor(device).threads()}, n / format.elements,
               [&](int64_t begin, int64_t end, int) {
                 OpenBlock open;
                 float wide[most_block_elements];
                 for (int64_t b = begin; b < end; ++b) {
                   format.open(static_cast<const uint8_t*>(part.blocks) + b * format.bytes, open);
                   widen_block(format, open, wide);
                   std::transform(wide, wide + format.elements, values.begin() + b * format.elements,
                                  [](float value) { return BFloat16(value); });
                 }
               });
  Tensor widened = Tensor::empty(device, DType::bf16, {part.rows, cols});
  widened.upload(values.data());
  return widened;
}

/// x as the parts of a matrix read it, in either form made once.
class Rows {
 public:
  Rows(const Tensor& x, bool one_scale) : x_(x), one_scale_(one_scale) {}

  /// y = x W^T + bias for one part; `bias` may be null.
  void times(const BlockMatrix::Part& part, const float* bias, const Tensor& y) {
    if (part.bf16.defined())
      times_bf16(part.bf16, bias, y);
    else
      times_blocks(part, bias, y);
  }

 private:
  void times_bf16(const Tensor& w, const float* bias, const Tensor& y) {
    if (y.numel() == 0) return;
    if (!rounded_.defined()) rounded_ = cast(x_.viewed({x_.rows(), x_.cols()}), DType::bf16);
    Matmul m = product_of(rounded_, w.transposed(0, 1), y.viewed({y.rows(), y.cols()}), Write::set);
    m.epilogue.bias = bias;
    run_product(x_.device(), m);
  }
  void times_blocks(const BlockMatrix::Part& part, const float* bias, const Tensor& y) {
    if (!quantised_) quantised_ = quantised_rows(x_, one_scale_);
    run(x_.device(), QMatmul{.format = part.format,
                             .M = x_.rows(),
                             .N = part.rows,
                             .K = x_.cols(),
                             .x = quantised_->q.ptr<int8_t>(),
                             .x_scale = quantised_->scale.ptr<float>(),
                             .x_sum = quantised_->sum.ptr<int32_t>(),
                             .w = part.blocks,
                             .bias = bias,
                             .y = y.ptr<float>()});
  }

  const Tensor& x_;
  bool one_scale_;
  Tensor rounded_;  // [M, K]
  std::optional<QuantisedRows> quantised_;
};

}  // namespace

int64_t BlockMatrix::rows() const {
  int64_t n = 0;
  for (const Part& part : parts) n += part.rows;
  return n;
}

int64_t BlockMatrix::bytes() const {
  int64_t n = 0;
  for (const Part& part : parts)
    n += part.bf16.defined()
             ? static_cast<int64_t>(part.bf16.bytes())
             : part.rows * (cols / format_of(part.format).elements) * format_of(part.format).bytes;
  return n;
}

BlockMatrix on_device(Device& device, const BlockMatrix& w, bool multiplied) {
  BlockMatrix ready = w;
  for (BlockMatrix::Part& part : ready.parts)
    if (part.blocks && multiplied && !multiplied_as_they_are(part.format))
      part.bf16 = widened_to_bf16(device, part, w.cols);
  if (device.kind() == Device::Kind::cpu) return ready;
  const auto copies = std::make_shared<std::vector<Tensor>>();
  for (BlockMatrix::Part& part : ready.parts) {
    if (part.bf16.defined()) {
      part.blocks = nullptr;
      if (&part.bf16.device() == &device) continue;
      const Tensor copy = Tensor::empty(device, DType::bf16, part.bf16.shape());
      copy.device().upload(copy.data(), part.bf16.data(), copy.bytes());
      part.bf16 = copy;
      continue;
    }
    const BlockFormat& format = format_of(part.format);
    copies->push_back(Tensor::empty(device, DType::u8, {part.rows, w.cols / format.elements * format.bytes}));
    copies->back().upload(part.blocks);
    part.blocks = copies->back().data();
  }
  ready.owner = copies;
  return ready;
}

bool looks_up_rows(Device& device, const BlockMatrix& w) {
  return device.kind() == Device::Kind::cpu ||
         std::all_of(w.parts.begin(), w.parts.end(), [](const BlockMatrix::Part& part) {
           return part.blocks && multiplied_as_they_are(part.format);
         });
}

Tensor linear_in_blocks(const Tensor& x, const BlockMatrix& w, const Tensor& bias) {
  const InOp op(linear_info);
  require(x.rank() >= 1 && x.cols() == w.cols && x.is_contiguous() && x.dtype() == DType::f32,
          "linear_in_blocks: x is ", name_of(x.dtype()), " ", x.shape(), "; expected contiguous f32 with ",
          w.cols, " columns");
  require(!bias.defined() || bias.shape() == Shape{w.rows()}, "linear_in_blocks: bias is ", bias.shape(),
          "; expected ", Shape{w.rows()});
  require(!recording({x, bias}), "linear_in_blocks has no gradient; use it without recording");
  Rows rows(x, w.one_scale);
  std::vector<Tensor> parts;
  int64_t first = 0;
  for (const BlockMatrix::Part& part : w.parts) {
    parts.push_back(x.like(x.shape().with(-1, part.rows)));
    rows.times(part, bias.defined() ? bias.ptr<float>() + first : nullptr, parts.back());
    first += part.rows;
  }
  return parts.size() == 1 ? parts[0] : concat(parts, x.rank() - 1);
}

Tensor embedding_in_blocks(const BlockMatrix& w, const Tensor& ids) {
  const InOp op(embedding_info);
  require(w.parts.size() == 1 && ids.dtype() == DType::i32 && ids.is_contiguous(),
          "embedding_in_blocks: ids are ", name_of(ids.dtype()), " ", ids.shape(), " for a table of ",
          w.parts.size(), " parts; expected contiguous i32 and one part");
  const Tensor y = Tensor::empty(ids.device(), DType::f32, ids.shape().inserted(ids.rank(), w.cols));
  if (ids.device().kind() == Device::Kind::cpu)
    check_ids({ids.ptr<int32_t>(), static_cast<size_t>(ids.numel())}, w.rows(), "id");
  if (!w.parts[0].blocks) return embedding(w.parts[0].bf16, ids);
  run(ids.device(), WidenRows{w.parts[0].format, ids.numel(), w.cols, ids.ptr<int32_t>(), w.parts[0].blocks,
                              y.ptr<float>()});
  return y;
}

}  // namespace hewn
