#include "kernels/embedding/op.h"

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/embedding/abi.h"
#include "kernels/matmul/op.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo embedding_info{
    "embedding", "y_i = weight[ids_i] (+ position[start + i mod T])",
    "dweight_v = sum of dy_i over ids_i = v, dposition_t = sum of dy_i over i mod T = t"};

template <class Id>
void check_range(const Tensor& ids, int64_t vocabulary) {
  const Id* id = ids.ptr<Id>();
  for (int64_t i = 0; i < ids.numel(); ++i)
    if (id[i] < 0 || id[i] >= vocabulary)
      fail(ErrorCode::input, "embedding: id ", id[i], " at position ", i, " of ids ", ids.shape(),
           "; the table has rows 0 to ", vocabulary - 1);
}

void check(const Tensor& weight, const Tensor& ids) {
  require(weight.rank() == 2 && weight.is_contiguous(), "embedding: weight is ", weight.shape(),
          "; expected a contiguous [vocabulary, width]");
  const bool widens =
      weight.dtype() == DType::bf16 && weight.device().kind() == Device::Kind::cpu && !recording({weight});
  require(weight.dtype() == DType::f32 || weight.dtype() == DType::f64 || widens, "embedding: weight is ",
          name_of(weight.dtype()), "; expected f32 or f64, or on a CPU and without a gradient bf16");
  require(ids.is_contiguous() && (ids.dtype() == DType::i64 || ids.dtype() == DType::i32),
          "embedding: ids are ", name_of(ids.dtype()), " ", ids.shape(), "; expected contiguous i32 or i64");
  if (!executor(ids.device()).runs() || executor(ids.device()).gpu()) return;
  ids.dtype() == DType::i64 ? check_range<int64_t>(ids, weight.dim(0))
                            : check_range<int32_t>(ids, weight.dim(0));
}

struct EmbeddingNode final : Node {
  Saved ids;
  int64_t vocabulary, start, period;
  EmbeddingNode(const Tensor& i, int64_t rows, int64_t first, int64_t positions)
      : ids(i), vocabulary(rows), start(first), period(positions) {}
  const OpInfo& info() const override { return embedding_info; }
  std::vector<SavedField> saved() const override { return {{"ids", &ids}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    if (grads.wants(0)) {
      const auto [dweight, write] = grads.at(0);
      run(dy.device(), EmbeddingBackward{dweight.dtype(), dy.dtype(), ids->dtype(), ids->numel(), vocabulary,
                                         dy.cols(), ids->data(), dy.data(), dweight.data(), write});
    }
    if (period > 0 && grads.wants(1)) {
      auto [dposition, write] = grads.at(1);
      if (write == Write::set && dposition.dim(0) > period) dposition.zero(), write = Write::add;
      if (dy.numel() == 0) return;
      sum_copies(dy.viewed({dy.rows() / period, period, dy.cols()}), 1, dposition.sliced(0, start, period),
                 write);
    }
  }
};

Tensor forward(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start, int64_t period,
               DType y_dtype) {
  require(weight.dtype() == DType::bf16
              ? y_dtype == DType::f32 && period == 0
              : y_dtype == weight.dtype() || (y_dtype == DType::bf16 && weight.dtype() == DType::f32),
          "embedding: a result of ", name_of(y_dtype), " from a weight of ", name_of(weight.dtype()),
          "; expected the same dtype, bf16 from f32, or f32 from bf16 without positions");
  const int64_t width = weight.dim(1);
  Tensor y = Tensor::empty(weight.device(), y_dtype, ids.shape().inserted(ids.rank(), width));
  const Tensor rows = period > 0 ? position.sliced(0, start, period) : Tensor();
  run(weight.device(),
      EmbeddingForward{weight.dtype(), y_dtype, ids.dtype(), ids.numel(), period, weight.dim(0), width,
                       ids.data(), weight.data(), rows.defined() ? rows.data() : nullptr, y.data()});
  return y;
}

}  // namespace

void check_ids(std::span<const int32_t> ids, int64_t vocabulary, const char* what) {
  for (const int32_t id : ids)
    if (id < 0 || id >= vocabulary)
      fail(ErrorCode::input, what, " ", id, " is not in the model's vocabulary, 0 to ", vocabulary - 1);
}

Tensor embedding(const Tensor& weight, const Tensor& ids, std::optional<DType> y_dtype) {
  const InOp op(embedding_info);
  check(weight, ids);
  if (Unfold::on()) return embedding_composed(weight, ids);
  const DType usual = weight.dtype() == DType::bf16 ? DType::f32 : weight.dtype();
  return record(forward(weight, {}, ids, 0, 0, y_dtype.value_or(usual)), {weight, ids},
                EmbeddingNode(ids, weight.dim(0), 0, 0));
}

Tensor embedding(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start,
                 std::optional<DType> y_dtype) {
  const InOp op(embedding_info);
  check(weight, ids);
  require(ids.rank() >= 1,
          "embedding: with positions, ids must have at least one dimension, the last one for positions");
  const int64_t period = ids.dim(-1);
  require(position.rank() == 2 && position.is_contiguous() && position.dim(1) == weight.dim(1) &&
              position.dtype() == weight.dtype(),
          "embedding: position is ", name_of(position.dtype()), " ", position.shape(), " beside a weight of ",
          name_of(weight.dtype()), " ", weight.shape(), "; expected [positions, width] of the same dtype");
  require(start >= 0 && start + period <= position.dim(0), "embedding: positions ", start, " to ",
          start + period - 1, " of a table of ", position.dim(0));
  if (Unfold::on()) return embedding_composed(weight, position, ids, start);
  return record(forward(weight, position, ids, start, period, y_dtype.value_or(weight.dtype())),
                {weight, position, ids}, EmbeddingNode(ids, weight.dim(0), start, period));
}

Tensor embedding_composed(const Tensor& weight, const Tensor& ids) {
  const int64_t rows = weight.dim(0);
  const std::vector<double> numbers = ids.doubles();
  std::vector<double> chosen(numbers.size() * static_cast<size_t>(rows));
  for (size_t i = 0; i < numbers.size(); ++i) {
    require(numbers[i] >= 0 && numbers[i] < static_cast<double>(rows), "embedding: id ", numbers[i],
            " is not a row of the table; expected 0 to ", rows - 1);
    chosen[i * static_cast<size_t>(rows) + static_cast<size_t>(numbers[i])] = 1;
  }
  const Shape shape = ids.shape().inserted(ids.rank(), rows);
  const Tensor one_hot = cast(Tensor::from(weight.device(), chosen, shape), weight.dtype());
  one_hot.set_name("one-hot ids");
  return matmul(one_hot, weight);
}

Tensor embedding_composed(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start) {
  return add(embedding(weight, ids), contiguous(slice(position, 0, start, ids.dim(-1))));
}

}  // namespace hewn
