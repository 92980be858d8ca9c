#include "train/eval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/io/limits.h"
#include "core/tape.h"
#include "kernels/cross_entropy/abi.h"
#include "train/data/batch_tensors.h"
#include "train/ranks/ranks.h"

namespace hewn {
namespace {

/// Size of an evaluation batch: about this many tokens, independent of the training batch, and fewer if their
/// logits would take more than the second limit.
constexpr int64_t tokens_at_a_time = 4096;
constexpr int64_t logits_bytes_at_a_time = int64_t{64} << 20;

/// The loss of a batch in nats, summed over its targets, of which there are n.
double nats_of(Model& model, const Batch& batch, int64_t n) {
  if (n == 0) return 0;
  check_batch(model, batch);
  const Tensor loss = model.loss(batch_tensor(model.device(), batch, batch.tokens),
                                 batch_tensor(model.device(), batch, batch.targets));
  return loss.item() * static_cast<double>(n);
}

/// The windows of one split, in the order of the text. Every token is a target once, unless a last partial window is
/// omitted. The first input of a window is what precedes texts in the split, else the token before its first target.
class ScoredWindows {
 public:
  ScoredWindows(const Split& split, const EvalOptions& options)
      : split_(split), first_(split.separator ? split.separator : split.begin), T_(options.block_size) {
    const int64_t n = split.tokens.size();
    if (split.separator) {
      for (size_t i = 0; i + 1 < split.documents.size(); ++i)
        add(split.documents[i], split.documents[i + 1], options.stride);
    } else if (first_ || options.stride > 0 || n <= T_) {
      add(first_ ? 0 : 1, n, options.stride);
    } else {
      add(1, 1 + Windows(split, T_, T_).count() * T_, 0);
    }
    if (places_.empty())
      fail(ErrorCode::input, split.name, ": has ", n, n == 1 ? " token" : " tokens",
           ", none of which is scored; expected at least 2");
  }

  int64_t count() const { return std::ssize(places_); }

  /// The number of tokens of a window.
  int64_t length(int64_t window) const {
    const Place& place = places_[static_cast<size_t>(window)];
    return place.end - place.begin;
  }

  /// Writes a window as T tokens and targets.
  void copy(int64_t window, int64_t T, int32_t* tokens, int32_t* targets) const {
    const Place& place = places_[static_cast<size_t>(window)];
    std::fill(tokens, tokens + T, first_.value_or(0));
    std::fill(targets, targets + T, ignored_target);
    if (!first_) split_.tokens.copy(place.begin - 1, 1, tokens);
    split_.tokens.copy(place.begin, place.end - 1 - place.begin, tokens + 1);
    split_.tokens.copy(place.fresh, place.end - place.fresh, targets + (place.fresh - place.begin));
  }

 private:
  /// Predicts tokens [begin, end), of which those from `fresh` on are targets.
  struct Place {
    int64_t begin, fresh, end;
  };

  /// Adds the windows of tokens [begin, end), of which there is at least one.
  void add(int64_t begin, int64_t end, int64_t stride) {
    if (stride == 0) stride = T_;
    for (int64_t fresh = begin; fresh < end; begin += stride) {
      places_.push_back({begin, fresh, std::min(begin + T_, end)});
      fresh = places_.back().end;
    }
  }

  const Split& split_;
  std::optional<int32_t> first_;
  int64_t T_;
  std::vector<Place> places_;
};

/// Calls body with all windows of a split, in batches; returns their number.
int64_t each_batch(const ModelConfig& model, const Split& split, const EvalOptions& options,
                   const std::function<void(const Batch&)>& body) {
  const ScoredWindows windows(split, options);
  const int64_t row_bytes = options.block_size * model.outputs() * int64_t{sizeof(float)};
  const int64_t most = options.unpadded ? 1
                                        : std::max<int64_t>(1, std::min(tokens_at_a_time / options.block_size,
                                                                        logits_bytes_at_a_time / row_bytes));
  for (int64_t first = 0; first < windows.count(); first += most) {
    const int64_t T = options.unpadded ? windows.length(first) : options.block_size;
    Batch batch{
        .rows = std::min(most, windows.count() - first), .block_size = T, .tokens = {}, .targets = {}};
    batch.tokens.resize(static_cast<size_t>(batch.rows * T));
    batch.targets.resize(batch.tokens.size());
    for (int64_t row = 0; row < batch.rows; ++row)
      windows.copy(first + row, T, batch.tokens.data() + row * T, batch.targets.data() + row * T);
    body(batch);
  }
  return windows.count();
}

/// Sums of n numbers of each batch, in the order of the batches, of which rank r has every R-th from r on.
template <size_t n>
std::array<double, n> sums_of_batches(const std::vector<double>& mine, int64_t batches, Ranks* ranks) {
  const auto all = ranks ? ranks->gather(mine) : std::vector<std::vector<double>>{mine};
  std::array<double, n> sums{};
  for (size_t batch = 0; batch < static_cast<size_t>(batches); ++batch)
    for (size_t i = 0; i < n; ++i) sums[i] += all[batch % all.size()].at(n * (batch / all.size()) + i);
  return sums;
}

}  // namespace

int64_t each_scored_batch(const ModelConfig& model, const Dataset& data, const EvalOptions& options,
                          const std::function<void(const Batch&)>& body) {
  require(options.stride >= 0 && options.stride <= options.block_size, "stride = ", options.stride,
          "; expected 1 to ", options.block_size, ", the block_size, or 0 for windows that do not overlap");
  if (data.val.empty())
    fail(ErrorCode::input, "there is no validation data; give val=FILE or a val_fraction above 0");
  int64_t windows = 0;
  for (const Split& split : data.val) windows += each_batch(model, split, options, body);
  check_mapped_files();
  return windows;
}

double finite_loss(double loss, std::string_view of) {
  if (!std::isfinite(loss))
    fail(ErrorCode::numerical, "the loss of ", of, " is ", loss,
         ": the model's results are not finite; use an earlier checkpoint of its run");
  return loss;
}

double Evaluation::perplexity() const { return std::exp(loss); }

Evaluation evaluate(Model& model, const Dataset& data, const EvalOptions& options, Ranks* ranks) {
  const NoGrad none;
  const Scope scope("eval");
  Evaluation result;
  const int64_t size = ranks ? ranks->size() : 1, rank = ranks ? ranks->rank() : 0;
  int64_t batches = 0;
  std::vector<double> mine;  // of batch rank, rank + R, ...: its nats, hits, tokens
  result.windows = each_scored_batch(model.config(), data, options, [&](const Batch& batch) {
    if (batches++ % size != rank) return;
    check_batch(model, batch);
    const Tensor logits = model.logits(batch_tensor(model.device(), batch, batch.tokens));
    double nats = 0, hits = 0, tokens = 0;
    for (const ScoredToken& scored : score_targets(logits, batch.targets)) {
      nats -= scored.log_probability;
      hits += scored.likeliest;
      ++tokens;
      if (options.each) options.each(scored);
    }
    mine.insert(mine.end(), {nats, hits, tokens});
  });
  const std::array<double, 3> sums = sums_of_batches<3>(mine, batches, ranks);
  result.tokens = static_cast<int64_t>(sums[2]);
  result.loss = finite_loss(sums[0] / sums[2], "the text");
  result.accuracy = sums[1] / sums[2];
  if (const auto bytes = data.val_bytes_per_token())
    result.bits_per_byte = result.loss / *bytes / std::numbers::ln2;
  result.floor = data.val_floor();
  return result;
}

std::optional<double> estimate_loss(Model& model, const BatchSource& source, int64_t batches,
                                    const Stop& stop, Ranks* ranks) {
  const NoGrad none;
  const Scope scope("eval");
  const int64_t size = ranks ? ranks->size() : 1, rank = ranks ? ranks->rank() : 0;
  std::vector<double> mine;  // of batch rank, rank + R, ...: its nats, its targets
  Batch batch;
  for (int64_t first = 0; first < batches; first += size) {
    if (stop && stop()) return std::nullopt;
    if (first + rank >= batches) continue;
    source.fill(first + rank, batch);
    check_mapped_files();
    const int64_t targets = batch.target_count();
    mine.push_back(nats_of(model, batch, targets));
    mine.push_back(static_cast<double>(targets));
  }
  const auto [nats, targets] = sums_of_batches<2>(mine, batches, ranks);
  return nats / targets;
}

Validator text_validator(const Dataset& data, const TrainConfig& config, Ranks* ranks) {
  if (data.val.empty()) return {};
  const BatchLoader loader(data.val_splits(), {.batch_size = config.batch_size,
                                               .block_size = config.model.block_size,
                                               .seed = config.seed,
                                               .stream = 1});
  return [loader, batches = config.eval_iters, ranks](Model& model,
                                                      const Stop& stop) -> std::optional<Validation> {
    const auto loss = estimate_loss(model, loader, batches, stop, ranks);
    return loss ? std::optional(Validation{.loss = *loss, .metrics = {}}) : std::nullopt;
  };
}

}  // namespace hewn
