#include "kernels/qmatmul/op.h"

#include "core/tape.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/embedding/op.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

constexpr OpInfo linear_info{"linear_in_blocks",
                             "y = q(x) W^T + b, q(x) the nearest numbers in blocks of int8",
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

}  // namespace

int64_t BlockMatrix::rows() const {
  int64_t n = 0;
  for (const Part& part : parts) n += part.rows;
  return n;
}

int64_t BlockMatrix::bytes() const {
  int64_t n = 0;
  for (const Part& part : parts)
    n += part.rows * (cols / format_of(part.format).elements) * format_of(part.format).bytes;
  return n;
}

BlockMatrix on_device(Device& device, const BlockMatrix& w) {
  if (device.kind() == Device::Kind::cpu) return w;
  const auto copies = std::make_shared<std::vector<Tensor>>();
  BlockMatrix copy = w;
  for (BlockMatrix::Part& part : copy.parts) {
    const BlockFormat& format = format_of(part.format);
    copies->push_back(Tensor::empty(device, DType::u8, {part.rows, w.cols / format.elements * format.bytes}));
    copies->back().upload(part.blocks);
    part.blocks = copies->back().data();
  }
  copy.owner = copies;
  return copy;
}

Tensor linear_in_blocks(const Tensor& x, const BlockMatrix& w, const Tensor& bias) {
  const InOp op(linear_info);
  require(x.rank() >= 1 && x.cols() == w.cols && x.is_contiguous() && x.dtype() == DType::f32,
          "linear_in_blocks: x is ", name_of(x.dtype()), " ", x.shape(), "; expected contiguous f32 with ",
          w.cols, " columns");
  require(!bias.defined() || bias.shape() == Shape{w.rows()}, "linear_in_blocks: bias is ", bias.shape(),
          "; expected ", Shape{w.rows()});
  require(!recording({x, bias}), "linear_in_blocks has no gradient; use it without recording");
  const QuantisedRows rows = quantised_rows(x, w.one_scale);
  std::vector<Tensor> parts;
  int64_t first = 0;
  for (const BlockMatrix::Part& part : w.parts) {
    parts.push_back(x.like(x.shape().with(-1, part.rows)));
    run(x.device(), QMatmul{.format = part.format,
                            .M = x.rows(),
                            .N = part.rows,
                            .K = w.cols,
                            .x = rows.q.ptr<int8_t>(),
                            .x_scale = rows.scale.ptr<float>(),
                            .x_sum = rows.sum.ptr<int32_t>(),
                            .w = part.blocks,
                            .bias = bias.defined() ? bias.ptr<float>() + first : nullptr,
                            .y = parts.back().ptr<float>()});
    first += part.rows;
  }
  return parts.size() == 1 ? parts[0] : concat(parts, x.rank() - 1);
}

Tensor embedding_in_blocks(const BlockMatrix& w, const Tensor& ids) {
  const InOp op(embedding_info);
  require(w.parts.size() == 1 && ids.dtype() == DType::i32 && ids.is_contiguous(),
          "embedding_in_blocks: ids are ", name_of(ids.dtype()), " ", ids.shape(), " for a table of ",
          w.parts.size(), " parts; expected contiguous i32 and one part");
  Tensor y = Tensor::empty(ids.device(), DType::f32, ids.shape().inserted(ids.rank(), w.cols));
  if (ids.device().kind() == Device::Kind::cpu)
    check_ids({ids.ptr<int32_t>(), static_cast<size_t>(ids.numel())}, w.rows(), "id");
  run(ids.device(), WidenRows{w.parts[0].format, ids.numel(), w.cols, ids.ptr<int32_t>(), w.parts[0].blocks,
                              y.ptr<float>()});
  return y;
}

}  // namespace hewn
