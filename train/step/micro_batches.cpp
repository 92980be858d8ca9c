#include "train/step/micro_batches.h"

#include <set>
#include <utility>

#include "core/error.h"

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

}  // namespace hewn
