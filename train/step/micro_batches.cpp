#include "train/step/micro_batches.h"

#include <set>
#include <utility>

#include "core/error.h"
#include "train/data/batch_tensors.h"

namespace hewn {
namespace {

/// The rows of a batch with this weight, as a batch.
Batch rows_of_weight(const Batch& batch, double weight) {
  Batch part{.rows = 0, .block_size = batch.block_size, .tokens = {}, .targets = {}};
  for (int64_t row = 0; row < batch.rows; ++row) {
    if (batch.row_weights[static_cast<size_t>(row)] != weight) continue;
    const int64_t begin = row * batch.block_size, end = begin + batch.block_size;
    part.tokens.insert(part.tokens.end(), batch.tokens.begin() + begin, batch.tokens.begin() + end);
    part.targets.insert(part.targets.end(), batch.targets.begin() + begin, batch.targets.begin() + end);
    ++part.rows;
  }
  return part;
}

/// Turns the terms of each micro-batch into its share of all, and numbers micro-batches over all processes. `counted`:
/// those of every micro-batch, also of those without targets.
void share_out(MicroBatches& mine, std::vector<double> counted, StepExchange& exchange) {
  counted.push_back(static_cast<double>(mine.targets));
  mine.targets = 0;
  int64_t before = 0;
  double all = 0;
  int process = 0;
  for (const std::vector<double>& theirs : exchange.gather(counted)) {
    for (size_t i = 0; i + 1 < theirs.size(); ++i) all += theirs[i];
    mine.targets += static_cast<int64_t>(theirs.back());
    if (process++ < exchange.number()) before += std::ssize(theirs) - 1;
  }
  for (std::vector<MicroBatch>& group : mine.groups)
    for (MicroBatch& micro_batch : group) micro_batch.share /= all, micro_batch.number += before;
}

}  // namespace

MicroBatches micro_batches_of(std::span<const Batch> batches, int64_t groups, StepExchange& exchange) {
  const int64_t n = std::ssize(batches);
  require(n % groups == 0, n, " micro-batches cannot be divided into ", groups, " groups of gradients");
  MicroBatches mine{.groups = std::vector<std::vector<MicroBatch>>(static_cast<size_t>(groups))};
  std::vector<double> counted;
  for (int64_t i = 0; i < n; ++i) {
    const Batch& all = batches[static_cast<size_t>(i)];
    const auto add = [&](const Batch& batch, double weight) {
      const double terms = weight * static_cast<double>(batch.term_count());
      if (terms > 0) {
        mine.groups[static_cast<size_t>(i / (n / groups))].push_back(
            {.batch = &batch, .number = std::ssize(counted), .share = terms});
        ++mine.count;
      }
      counted.push_back(terms);
    };
    mine.targets += all.target_count();
    if (all.row_weights.empty()) {
      add(all, 1);
      continue;
    }
    require(std::ssize(all.row_weights) == all.rows, all.row_weights.size(), " weights for ", all.rows,
            " rows; expected one for each");
    for (const double weight : std::set<double>(all.row_weights.begin(), all.row_weights.end()))
      add(mine.divided.emplace_back(rows_of_weight(all, weight)), weight);
  }
  share_out(mine, std::move(counted), exchange);
  return mine;
}

namespace {

/// Copies values to a tensor of this name and shape that stays at its address, unless it is too small.
template <class T>
void upload_to(Tensor& place, Device& device, const std::vector<T>& values, const Shape& shape,
               const char* name) {
  if (!place.defined() || place.storage()->bytes < values.size() * sizeof(T)) {
    const MemUseScope use(MemUse::data);
    place = Tensor::empty(device, dtype_of<T>, shape);
    place.set_name(name);
  }
  place = Tensor::over(place.storage(), dtype_of<T>, shape);
  place.upload(values.data());
}

}  // namespace

void BatchOnDevice::take(const Model& model, const Batch& batch) {
  check_batch(model, batch);
  const Shape shape{batch.rows, batch.block_size};
  const auto n = static_cast<size_t>(shape.numel());
  require(batch.tokens.size() == n && batch.targets.size() == n, batch.tokens.size(), " tokens and ",
          batch.targets.size(), " targets were given for a batch of shape ", shape);
  require(batch.reference.empty() || (batch.rows % 2 == 0 && std::ssize(batch.reference) == batch.rows),
          batch.reference.size(), " reference values for ", batch.rows,
          " rows; expected one for each, in pairs");
  upload_to(tokens, model.device(), batch.tokens, shape, "tokens");
  upload_to(targets, model.device(), batch.targets, shape, "targets");
  if (batch.reference.empty())
    reference = {};
  else if (model.parameters().dtype() == DType::f64)
    upload_to(reference, model.device(), batch.reference, {batch.rows}, "reference");
  else  // what such a model computed
    upload_to(reference, model.device(), std::vector<float>(batch.reference.begin(), batch.reference.end()),
              {batch.rows}, "reference");
}

Tensor loss_of_targets(Model& model, const BatchOnDevice& batch, const ForwardOptions& options) {
  require(!batch.reference.defined(),
          "the rows are pairs of answers; give the trainer the loss of preferences");
  return model.loss(batch.tokens, batch.targets, options);
}

}  // namespace hewn
