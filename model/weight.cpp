#include "model/weight.h"

#include <algorithm>
#include <numeric>

#include "kernels/activation/op.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/embedding/op.h"
#include "kernels/linear_cross_entropy/chunks.h"
#include "kernels/linear_cross_entropy/op.h"

namespace hewn {
namespace {

/// The input of a product.
const Tensor& values_in(const Tensor& x) { return x; }
const Tensor& values_in(const Activated& x) { return x.value; }

LinearOptions linear_options(const ProductOptions& options, Parameter& w, const Tensor& step_state) {
  return {.layout = options.layout,
          .residual = options.residual ? *options.residual : Tensor(),
          .weight_bf16 = bf16_of(w),
          .bf16_result = options.bf16_result,
          .low_rank = low_rank_of(w, step_state)};
}

template <class X>
Tensor product(const X& x, Parameter& w, const Tensor& bias, const ProductOptions& options,
               const Tensor& step_state) {
  if (!w.blocks) {
    const LinearOptions all = linear_options(options, w, step_state);
    return w.new_rows ? linear(x, value_of(w), bias, all) : linear(x, w.value, bias, all);
  }
  const Tensor y = linear_in_blocks(values_in(x), *w.blocks, bias);
  return options.residual && options.residual->defined() ? add(*options.residual, y) : y;
}

// From the logits of a chunk of rows at a time, with a matrix in blocks.
Tensor cross_entropies_in_blocks(const Tensor& x, Parameter& w, const Tensor& targets) {
  const int64_t rows = x.dim(0), vocabulary = w.shape[0];
  check_targets("loss", targets, rows, vocabulary);
  std::vector<Tensor> losses;
  chunks_within(cpu_logits_bytes, rows, vocabulary * static_cast<int64_t>(sizeof(float)))
      .each([&](int64_t first, int64_t n) {
        const Tensor of_chunk = targets.sliced(0, first, n);
        const std::vector<int32_t> ids = of_chunk.values<int32_t>();
        const bool ignored =
            std::all_of(ids.begin(), ids.end(), [](int32_t id) { return id == ignored_target; });
        losses.push_back(
            ignored
                ? Tensor::zeros(x.device(), DType::f32, {n})
                : cross_entropy_rows(linear_in_blocks(x.sliced(0, first, n), *w.blocks, Tensor()), of_chunk));
      });
  return losses.size() == 1 ? losses[0] : concat(losses, 0);
}

/// The mean of the losses whose targets are not ignored: a scalar.
Tensor mean_of_kept(const Tensor& losses, const Tensor& targets) {
  const std::vector<double> each = losses.doubles();
  const std::vector<int32_t> ids = targets.values<int32_t>();
  const auto kept = std::count_if(ids.begin(), ids.end(), [](int32_t id) { return id != ignored_target; });
  const double sum = std::accumulate(each.begin(), each.end(), 0.0);  // ignored ones are 0
  return Tensor::from(losses.device(),
                      std::vector<float>{static_cast<float>(sum / static_cast<double>(kept))}, {});
}

}  // namespace

Tensor times(const Tensor& x, Parameter& w, const Tensor& bias, const ProductOptions& options,
             const Tensor& step_state) {
  return product(x, w, bias, options, step_state);
}

Tensor times(const Activated& x, Parameter& w, const Tensor& bias, const ProductOptions& options,
             const Tensor& step_state) {
  return product(x, w, bias, options, step_state);
}

Activated times_activated(const Tensor& x, Parameter& w, const Tensor& bias, Activation f,
                          const ProductOptions& options, const Tensor& step_state) {
  if (!w.blocks) return linear_activated(x, w.value, bias, f, linear_options(options, w, step_state));
  return {.kind = f, .z = {}, .value = activation(f, linear_in_blocks(x, *w.blocks, bias))};
}

Tensor looked_up(const Parameter& table, const Tensor& ids, DType type) {
  return table.blocks ? embedding_in_blocks(*table.blocks, ids) : embedding(value_of(table), ids, type);
}

LowRank low_rank_of(const Parameter& w, const Tensor& step_state) {
  if (!w.adapter) return {};
  const Adapter& adapter = *w.adapter;
  return {.a = adapter.a->value,
          .b = adapter.b->value,
          .a_bf16 = bf16_of(*adapter.a),
          .b_bf16 = bf16_of(*adapter.b),
          .scale = adapter.scale,
          .dropout = adapter.dropout,
          .site = adapter.site,
          .step_state = step_state};
}

Tensor cross_entropies_of(const Tensor& x, Parameter& w, const Tensor& targets) {
  if (w.blocks) return cross_entropies_in_blocks(x, w, targets);
  return linear_cross_entropy_rows(x, value_of(w), Tensor(), targets, {.weight_bf16 = bf16_of(w)});
}

Tensor cross_entropy_of(const Tensor& x, Parameter& w, const Tensor& targets) {
  if (w.blocks) return mean_of_kept(cross_entropies_in_blocks(x, w, targets), targets);
  return linear_cross_entropy(x, value_of(w), Tensor(), targets, {.weight_bf16 = bf16_of(w)});
}

}  // namespace hewn
