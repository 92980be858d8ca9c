#include "kernels/linear_cross_entropy/op.h"

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/elementwise/abi.h"
#include "kernels/elementwise/op.h"
#include "kernels/linear_cross_entropy/chunks.h"
#include "kernels/matmul/op.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo linear_cross_entropy_info{"linear_cross_entropy",
                                           "loss = mean_r (log sum_j exp(z_rj) - z_r,target), z = x W^T + b",
                                           "dz_rj = dloss / kept (softmax(z_r)_j - [j = target_r]), dx = dz "
                                           "W, dW = dz^T x, db = sum over rows of dz"};

constexpr OpInfo linear_cross_entropy_rows_info{
    "linear_cross_entropy_rows", "loss_r = log sum_j exp(z_rj) - z_r,target, z = x W^T + b",
    "dz_rj = dloss_r (softmax(z_r)_j - [j = target_r]), dx = dz W, dW = dz^T x, db = sum over rows of dz"};

/// Computes z = x W^T + b into the first rows of `logits` [at least N, V], whose rows may lie apart.
Tensor logits_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& logits) {
  Matmul m{};
  m.dtype = x.dtype();
  m.M = x.dim(0), m.N = weight.dim(0), m.K = x.dim(1);
  m.trans_b = true;
  m.a = x.data(), m.lda = m.K;
  m.b = weight.data(), m.ldb = m.K;
  m.c = logits.data(), m.ldc = logits.stride(0);
  m.bf16_c = logits.dtype() == DType::bf16;
  m.epilogue.bias = bias.defined() ? bias.data() : nullptr;
  run_product(x.device(), m);
  return logits.sliced(0, 0, x.dim(0));
}

const int32_t* targets_at(const Tensor& targets, int64_t row) { return targets.ptr<int32_t>() + row; }

/// The operands of a pass, and what it computes for each row.
struct Pass {
  Tensor x, weight;  // as multiplied: f32, f64 or bf16
  Tensor bias, targets;
  DType dtype;          // of losses and gradients
  Tensor kept, losses;  // i64 [], only for the mean; [N]

  Device& device() const { return x.device(); }
  int64_t rows() const { return x.dim(0); }
  int64_t classes() const { return weight.dim(0); }
  bool gpu() const { return on_gpu(executor(device()).isa()); }

  void count_targets() const {
    run(device(), CountTargets{rows(), targets_at(targets, 0), kept.ptr<int64_t>()});
  }
  Tensor mean_loss() const {
    Tensor loss = losses.like(Shape{});
    run(device(), MeanLoss{dtype, rows(), losses.data(), kept.ptr<int64_t>(), loss.data()});
    return loss;
  }
};

/// How a pass stores logits and their gradients.
struct Logits {
  DType dtype;
  int64_t ld;  ///< length of a row; on a GPU padded, so that products read rows in aligned pieces
  Chunks chunks;

  /// For logits in at most `limit` bytes; 0: the device's limit.
  Logits(const Pass& p, size_t limit)
      : dtype(p.gpu() ? p.weight.dtype() : p.dtype),
        ld(p.gpu() ? (p.classes() + 63) / 64 * 64 : p.classes()) {
    const int64_t row_bytes = ld * static_cast<int64_t>(size_of(dtype));
    chunks = limit > 0 || !p.gpu() ? chunks_within(limit > 0 ? limit : cpu_logits_bytes, p.rows(), row_bytes)
                                   : chunks_on_gpu(executor(p.device()).memory_bytes(), p.rows(), row_bytes);
  }
  /// Memory for those of a chunk, [rows, ld].
  Tensor buffer(Device& device) const { return Tensor::empty(device, dtype, {chunks.per_chunk, ld}); }
};

/// Computes the losses of the chunk of rows from `first` on and, with `differentiates`, replaces its logits by their
/// gradient: of the mean loss or, if weights are given, of the losses' weighted sum. Returns the rows of the buffer, with
/// their padding.
Tensor rows_of_chunk(const Pass& p, const Tensor& buffer, int64_t first, int64_t n, bool differentiates,
                     const Tensor& weights = {}) {
  const Tensor padded = buffer.sliced(0, 0, n);
  const Tensor z = logits_of(p.x.sliced(0, first, n), p.weight, p.bias, padded.sliced(1, 0, p.classes()));
  run(p.device(), CrossEntropyFused{
                      z.dtype(), n, p.classes(), padded.dim(1), z.data(), targets_at(p.targets, first),
                      p.kept.defined() ? p.kept.ptr<int64_t>() : nullptr, p.losses.sliced(0, first, n).data(),
                      differentiates, weights.defined() ? weights.sliced(0, first, n).data() : nullptr});
  return padded;
}

/// The gradients of x, weight and bias, the last with the padding of the logits; undefined where not required.
struct HeadGradients {
  Grads::Target dx{}, dweight{}, dbias{};
};

/// dx = dz W for the chunk of rows from `first` on; dweight gains dz^T x and dbias the sum over rows of dz. `padded` is
/// dz with its padding, which is zero.
void add_products(const Pass& p, int64_t first, const Tensor& padded, const HeadGradients& to) {
  const int64_t n = padded.dim(0);
  const Tensor dz = as_type(padded, p.weight.dtype()).sliced(1, 0, p.classes());
  const auto how = [first](const Grads::Target& t) { return first == 0 ? t.write : Write::add; };
  const auto& [dx, dw, db] = to;
  if (dx.tensor.defined()) multiply(dz, p.weight, dx.tensor.sliced(0, first, n), dx.write);
  if (dw.tensor.defined()) multiply(dz.transposed(0, 1), p.x.sliced(0, first, n), dw.tensor, how(dw));
  if (db.tensor.defined()) sum_copies(padded, 1, db.tensor, how(db));
}

// On a CPU, if a single chunk holds all rows: the forward pass keeps the logits, and the backward pass replaces them by
// their gradient.

struct LinearCrossEntropyNode final : Node {
  Saved x, weight;  // as multiplied, f32 or bf16; x only for the weight's gradient
  Saved targets, stats, kept, logits;

  LinearCrossEntropyNode(const Pass& p, const Tensor& s, const Tensor& z, bool trains)
      : x(trains ? p.x : Tensor()), weight(p.weight), targets(p.targets), stats(s), kept(p.kept), logits(z) {}
  const OpInfo& info() const override { return linear_cross_entropy_info; }
  std::vector<SavedField> saved() const override {
    std::vector<SavedField> fields{
        {"weight", &weight}, {"targets", &targets}, {"stats", &stats}, {"kept", &kept}, {"logits", &logits}};
    if (x.defined()) fields.insert(fields.begin(), {"x", &x});
    return fields;
  }

  void backward(const Tensor& dloss, Grads& grads) override {
    const Tensor dz = gradient_of_logits(dloss), factor = as_type(dz, weight->dtype());
    if (grads.wants(0)) {
      const auto [dx, write] = grads.at(0);
      multiply(factor, *weight, dx, write);
    }
    if (grads.wants(1)) {
      const auto [dw, write] = grads.at(1);
      multiply(factor.transposed(0, 1), *x, dw, write);
    }
    if (grads.wants(2)) {
      const auto [db, write] = grads.at(2);
      sum_copies(dz, 1, db, write);
    }
  }

 private:
  /// Replaces the logits by their gradient, in place.
  Tensor gradient_of_logits(const Tensor& dloss) const {
    Tensor z = *logits;
    run(z.device(),
        CrossEntropyBackward{z.dtype(), z.dim(0), z.dim(1), z.data(), targets_at(*targets, 0), stats->data(),
                             dloss.data(), kept->ptr<int64_t>(), z.data(), Write::set});
    z.changed();
    return z;
  }
};

Tensor loss_keeping_logits(const Pass& p, const Logits& form, std::initializer_list<Tensor> inputs) {
  const Tensor stats = p.losses.like({p.rows(), 2});
  const Tensor z = logits_of(p.x, p.weight, p.bias, form.buffer(p.device()));
  p.count_targets();
  run(p.device(), CrossEntropyForward{p.dtype, p.rows(), p.classes(), z.data(), targets_at(p.targets, 0),
                                      p.losses.data(), stats.data()});
  const bool trains = (inputs.begin() + 1)->requires_grad();
  return record(p.mean_loss(), inputs, LinearCrossEntropyNode(p, stats, z, trains));
}

// On a GPU, and on a CPU if there are several chunks: the forward pass also computes the gradients, for dloss = 1, so
// that the logits of a chunk are computed once and exist only until the next chunk. The backward pass multiplies the
// gradients by dloss.

struct LinearCrossEntropyChunksNode final : Node {
  Saved dx, dweight, dbias;  // for dloss = 1

  explicit LinearCrossEntropyChunksNode(const HeadGradients& g)
      : dx(g.dx.tensor), dweight(g.dweight.tensor), dbias(g.dbias.tensor) {}
  const OpInfo& info() const override { return linear_cross_entropy_info; }
  std::vector<SavedField> saved() const override {
    std::vector<SavedField> fields;
    if (dx.defined()) fields.push_back({"dx", &dx});
    if (dweight.defined()) fields.push_back({"dweight", &dweight});
    if (dbias.defined()) fields.push_back({"dbias", &dbias});
    return fields;
  }

  void backward(const Tensor& dloss, Grads& grads) override {
    if (grads.wants(0)) {
      Tensor scaled = *dx;
      multiply_by(dloss, scaled, {scaled, Write::set});
      scaled.changed();
      grads.give(0, scaled);
    }
    if (grads.wants(1)) multiply_by(dloss, *dweight, grads.at(1));
    if (grads.wants(2)) multiply_by(dloss, *dbias, grads.at(2));
  }

 private:
  static void multiply_by(const Tensor& dloss, const Tensor& g, const Grads::Target& to) {
    Binary product{};
    product.op = BinaryOp::mul, product.dtype = g.dtype(), product.b_dtype = dloss.dtype();
    product.rank = 1, product.shape[0] = g.numel(), product.a_stride[0] = 1;  // and stride 0 of dloss
    product.a = g.data(), product.b = dloss.data();
    product.y = to.tensor.data(), product.to_y = to.write;
    run(g.device(), product);
  }
};

Tensor loss_in_chunks(const Pass& p, const Logits& form, const Tensor& x, const Tensor& weight,
                      const Tensor& bias) {
  const bool differentiates = recording({x, weight, bias});
  HeadGradients gradients;
  if (differentiates && x.requires_grad()) gradients.dx.tensor = x.like();
  if (differentiates && weight.requires_grad()) gradients.dweight.tensor = weight.like();
  if (differentiates && bias.requires_grad()) gradients.dbias.tensor = bias.like({form.ld});
  const Tensor buffer = form.buffer(p.device());
  p.count_targets();
  form.chunks.each([&](int64_t first, int64_t n) {
    const Tensor padded = rows_of_chunk(p, buffer, first, n, differentiates);
    if (!differentiates) return;
    const InPhase phase(Phase::backward);
    add_products(p, first, padded, gradients);
  });
  Tensor& sums = gradients.dbias.tensor;
  if (sums.defined()) sums = sums.sliced(0, 0, p.classes());
  return record(p.mean_loss(), {x, weight, bias, p.targets}, LinearCrossEntropyChunksNode(gradients));
}

// The loss of every row. What its gradient is multiplied by is not known before the backward pass, which computes the
// logits of each chunk again, on every device.

struct LinearCrossEntropyRowsNode final : Node {
  Saved x, weight, bias, targets;  // x and weight as multiplied
  Logits form;

  LinearCrossEntropyRowsNode(const Pass& p, const Logits& f)
      : x(p.x), weight(p.weight), bias(p.bias), targets(p.targets), form(f) {}
  const OpInfo& info() const override { return linear_cross_entropy_rows_info; }
  std::vector<SavedField> saved() const override {
    std::vector<SavedField> fields{{"x", &x}, {"weight", &weight}, {"targets", &targets}};
    if (bias.defined()) fields.push_back({"bias", &bias});
    return fields;
  }

  void backward(const Tensor& dlosses, Grads& grads) override {
    const Pass p{.x = *x,
                 .weight = *weight,
                 .bias = bias.defined() ? *bias : Tensor(),
                 .targets = *targets,
                 .dtype = dlosses.dtype(),
                 .kept = {},
                 .losses = dlosses.like()};
    HeadGradients gradients;
    if (grads.wants(0)) gradients.dx = grads.at(0);
    if (grads.wants(1)) gradients.dweight = grads.at(1);
    Grads::Target db{};
    if (grads.wants(2)) db = grads.at(2);
    const Tensor buffer = form.buffer(p.device());
    Tensor& sums = gradients.dbias.tensor;
    if (db.tensor.defined()) sums = dlosses.like({form.ld});
    form.chunks.each([&](int64_t first, int64_t n) {
      add_products(p, first, rows_of_chunk(p, buffer, first, n, true, dlosses), gradients);
    });
    if (sums.defined()) copy_into(db.tensor, sums.sliced(0, 0, p.classes()), db.write);
  }
};

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
           const Tensor& weight_bf16) {
  const bool bf16_x = x.dtype() == DType::bf16 && weight_bf16.defined();
  const DType t = bf16_x ? DType::f32 : x.dtype();  // of weight, bias and loss
  require(t == DType::f32 || t == DType::f64, "linear_cross_entropy: x is ", name_of(t),
          "; expected f32 or f64, or bf16 with a bf16 copy of the weight");
  require(x.rank() == 2 && x.is_contiguous() && x.numel() > 0, "linear_cross_entropy: x is ", x.shape(),
          "; expected contiguous [N, C] with at least one element");
  require(weight.rank() == 2 && weight.is_contiguous() && weight.dtype() == t && weight.dim(1) == x.dim(1) &&
              weight.dim(0) > 0,
          "linear_cross_entropy: the weight is ", name_of(weight.dtype()), " ", weight.shape(),
          "; expected contiguous ", name_of(t), " [V, ", x.dim(1), "]");
  require(!bias.defined() || (bias.shape() == Shape{weight.dim(0)} && bias.dtype() == t),
          "linear_cross_entropy: the bias has shape ", bias.defined() ? bias.shape() : Shape{},
          "; expected [", weight.dim(0), "]");
  require(!weight_bf16.defined() ||
              (weight_bf16.shape() == weight.shape() && weight_bf16.dtype() == DType::bf16 &&
               weight_bf16.is_contiguous() && t == DType::f32),
          "linear_cross_entropy: a bf16 copy of the weight ", weight.shape(), " requires f32 operands, not ",
          name_of(t));
  check_targets("linear_cross_entropy", targets, x.dim(0), weight.dim(0));
}

/// Checks the operands, and converts them to the types that are multiplied.
Pass pass_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
             const Tensor& weight_bf16) {
  check(x, weight, bias, targets, weight_bf16);
  const Tensor& factor = weight_bf16.defined() ? weight_bf16 : weight;
  return {.x = as_type(x, factor.dtype()),
          .weight = factor,
          .bias = bias,
          .targets = targets,
          .dtype = weight.dtype(),
          .kept = {},
          .losses = Tensor::empty(x.device(), weight.dtype(), {x.dim(0)})};
}

}  // namespace

// dloss/dz is cross_entropy's, and z = x W^T + b gives dx = dz W, dW = dz^T x, db_j = sum_r dz_rj (see
// linear). Chunks change only the order of the sums over rows in dW and db.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                            const LinearCrossEntropyOptions& options) {
  const InOp op(linear_cross_entropy_info);
  Pass pass = pass_of(x, weight, bias, targets, options.weight_bf16);
  if (Unfold::on()) return linear_cross_entropy_composed(x, weight, bias, targets);
  pass.kept = Tensor::empty(x.device(), DType::i64, {});
  const Logits form(pass, options.logits_bytes);
  return pass.gpu() || !form.chunks.one() ? loss_in_chunks(pass, form, x, weight, bias)
                                          : loss_keeping_logits(pass, form, {x, weight, bias, targets});
}

Tensor linear_cross_entropy_rows(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const Tensor& targets, const LinearCrossEntropyOptions& options) {
  const InOp op(linear_cross_entropy_rows_info);
  const Pass pass = pass_of(x, weight, bias, targets, options.weight_bf16);
  if (Unfold::on()) return linear_cross_entropy_rows_composed(x, weight, bias, targets);
  const Logits form(pass, options.logits_bytes);
  const Tensor buffer = form.buffer(pass.device());
  form.chunks.each([&](int64_t first, int64_t n) { rows_of_chunk(pass, buffer, first, n, false); });
  return record(pass.losses, {x, weight, bias, targets}, LinearCrossEntropyRowsNode(pass, form));
}

Tensor linear_cross_entropy_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                     const Tensor& targets) {
  Tensor z = matmul(x, weight, false, true);
  if (bias.defined()) z = add(z, bias);
  return cross_entropy(z, targets);
}

Tensor linear_cross_entropy_rows_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                          const Tensor& targets) {
  Tensor z = matmul(x, weight, false, true);
  if (bias.defined()) z = add(z, bias);
  return cross_entropy_rows(z, targets);
}

}  // namespace hewn
