#include "train/eval.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/tape.h"
#include "train/trainer.h"

namespace hewn {
namespace {

/// Rows of an evaluation batch: about this many tokens at a time, whatever the training batch is.
constexpr int64_t tokens_at_a_time = 4096;

struct Sum {
  double nats = 0;
  int64_t tokens = 0;
};

void add_batch(Model& model, const Batch& batch, Sum& sum) {
  const int64_t n = batch.target_count();
  if (n == 0) return;
  const Tensor loss = model.loss(batch_tensor(model.device(), batch, batch.tokens),
                                 batch_tensor(model.device(), batch, batch.targets));
  sum.nats += loss.item() * static_cast<double>(n);
  sum.tokens += n;
}

}  // namespace

double Evaluation::perplexity() const { return std::exp(loss); }

Evaluation evaluate(Model& model, const Dataset& data, int64_t block_size) {
  const NoGrad none;
  const Scope scope("eval");
  if (data.val.empty())
    fail(ErrorCode::input, "there is no validation data; give val=FILE or a val_fraction above 0");
  const BatchLoader loader(data.val_splits(),
                           {.batch_size = std::max<int64_t>(1, tokens_at_a_time / block_size),
                            .block_size = block_size,
                            .order = Order::in_order});
  Sum sum;
  Batch batch;
  for (int64_t i = 0; i < loader.batch_count(); ++i) {
    loader.fill(i, batch);
    add_batch(model, batch, sum);
  }
  Evaluation result{.loss = sum.nats / static_cast<double>(sum.tokens),
                    .tokens = sum.tokens,
                    .windows = loader.window_count()};
  if (const auto bytes = data.val_bytes_per_token())
    result.bits_per_byte = result.loss / *bytes / std::numbers::ln2;
  result.floor = data.val_floor();
  return result;
}

double estimate_loss(Model& model, const BatchLoader& loader, int64_t batches) {
  const NoGrad none;
  const Scope scope("eval");
  Sum sum;
  Batch batch;
  for (int64_t i = 0; i < batches; ++i) {
    loader.fill(i, batch);
    add_batch(model, batch, sum);
  }
  return sum.nats / static_cast<double>(sum.tokens);
}

}  // namespace hewn
