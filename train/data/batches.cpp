#include "train/data/batches.h"

#include <algorithm>
#include <bit>

#include "core/error.h"
#include "core/rng.h"

namespace hewn {
namespace {

// Separates the draws of data from those of weights and dropout that use the same seed.
constexpr uint64_t data_key = 0x7461'6c65'7321'0000;

}  // namespace

// ---- splits and windows ---------------------------------------------------------------------------------

void Split::find_documents() {
  documents = {0};
  if (!separator) return;
  std::vector<int32_t> some(4096);
  for (int64_t at = 0; at < tokens.size(); at += std::ssize(some)) {
    const int64_t n = std::min(std::ssize(some), tokens.size() - at);
    tokens.copy(at, n, some.data());
    for (int64_t i = 0; i < n; ++i) {
      if (some[static_cast<size_t>(i)] == *separator) documents.push_back(at + i + 1);
    }
  }
  if (documents.back() != tokens.size()) documents.push_back(tokens.size());
}

int64_t Split::longest_document() const {
  int64_t longest = 0;
  for (size_t i = 0; i + 1 < documents.size(); ++i)
    longest = std::max(longest, documents[i + 1] - documents[i]);
  return longest;
}

Windows::Windows(const Split& split, int64_t block_size, int64_t stride)
    : split_(&split), block_size_(block_size), stride_(stride) {
  require(block_size >= 1, "block_size is ", block_size, "; expected at least 1");
  require(stride >= 1, "stride is ", stride, "; expected at least 1");
  if (split.separator) {
    const int64_t longest = split.longest_document();
    if (longest > block_size) {
      fail(ErrorCode::input, split.name, ": the longest document takes ", longest,
           " tokens, including its end, but block_size is ", block_size,
           "; windows must contain whole documents, so set block_size to at least ", longest);
    }
    count_ = std::ssize(split.documents) - 1;
    if (count_ < 1)
      fail(ErrorCode::input, split.name, ": contains no document; give more text or another val_fraction");
    return;
  }
  if (split.tokens.size() < block_size + 1) {
    fail(ErrorCode::input, split.name, ": has ", split.tokens.size(),
         " tokens, but one window of block_size ", block_size, " needs ", block_size + 1,
         "; give more text, a smaller block_size or another val_fraction");
  }
  count_ = (split.tokens.size() - 1 - block_size) / stride + 1;
}

void Windows::copy(int64_t window, int32_t* tokens, int32_t* targets) const {
  if (!split_->separator) {
    const int64_t begin = window * stride_;
    split_->tokens.copy(begin, block_size_, tokens);
    std::copy(tokens + 1, tokens + block_size_, targets);
    targets[block_size_ - 1] = split_->tokens[begin + block_size_];
    return;
  }
  const int64_t begin = split_->documents[static_cast<size_t>(window)];
  const int64_t n = split_->documents[static_cast<size_t>(window) + 1] - begin;
  split_->tokens.copy(begin, n, targets);
  tokens[0] = *split_->separator;
  std::copy(targets, targets + n - 1, tokens + 1);
  std::fill(tokens + n, tokens + block_size_, *split_->separator);
  std::fill(targets + n, targets + block_size_, ignored_target);
}

int64_t Batch::target_count() const {
  return std::ssize(targets) - std::count(targets.begin(), targets.end(), ignored_target);
}

// ---- shuffling ------------------------------------------------------------------------------------------

int64_t shuffled(int64_t i, int64_t n, uint64_t seed, uint64_t epoch) {
  const auto size = static_cast<uint64_t>(n);
  const int half =
      std::max(1, (static_cast<int>(std::bit_width(size - 1)) + 1) / 2);  // 2 * half bits hold every i
  const uint64_t mask = (uint64_t{1} << half) - 1;
  const uint64_t key = seed ^ data_key;
  auto x = static_cast<uint64_t>(i);
  do {
    uint64_t left = x >> half, right = x & mask;
    for (uint32_t round = 0; round < 6; ++round) {
      const auto words = philox({static_cast<uint32_t>(right), round, static_cast<uint32_t>(epoch),
                                 static_cast<uint32_t>(epoch >> 32)},
                                {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
      left ^= words[0] & mask;
      std::swap(left, right);
    }
    x = left << half | right;
  } while (x >= size);
  return static_cast<int64_t>(x);
}

// ---- loader ---------------------------------------------------------------------------------------------

BatchLoader::BatchLoader(const std::vector<WeightedSplit>& splits, const BatchOptions& options)
    : options_(options) {
  require(options.batch_size >= 1, "batch_size is ", options.batch_size, "; expected at least 1");
  require(!splits.empty(), "there is no data for batches");
  require(options.order != Order::shuffled || splits.size() == 1,
          "stride and epochs require a single dataset, since windows of a mixture are drawn at random by "
          "weight; leave them out");
  int64_t stride = options.stride;
  if (stride == 0) stride = options.order == Order::random ? 1 : options.block_size;
  double sum = 0;
  for (const WeightedSplit& some : splits) {
    require(some.weight > 0, some.split->name, ": weight ", some.weight, "; expected more than 0");
    windows_.emplace_back(*some.split, options.block_size, stride);
    total_windows_ += windows_.back().count();
    weight_up_to_.push_back(sum += some.weight);
  }
}

int64_t BatchLoader::batch_count() const {
  return (total_windows_ + options_.batch_size - 1) / options_.batch_size;
}

BatchLoader::Place BatchLoader::place_in_order(int64_t row) const {
  size_t source = 0;
  while (row >= windows_[source].count()) row -= windows_[source++].count();
  return {source, row};
}

void BatchLoader::fill(int64_t index, Batch& batch) const {
  const int64_t T = options_.block_size, first = index * options_.batch_size;
  batch.block_size = T;
  batch.rows = options_.batch_size;
  if (options_.order == Order::in_order) {
    require(index >= 0 && first < total_windows_, "batch ", index, " is out of range; there are ",
            batch_count());
    batch.rows = std::min(batch.rows, total_windows_ - first);
  }
  batch.tokens.resize(static_cast<size_t>(batch.rows * T));
  batch.targets.resize(static_cast<size_t>(batch.rows * T));
  Rng rng((options_.seed ^ data_key) + options_.stream, static_cast<uint64_t>(index));
  for (int64_t b = 0; b < batch.rows; ++b) {
    Place place{0, 0};
    if (options_.order == Order::in_order) {
      place = place_in_order(first + b);
    } else if (options_.order == Order::shuffled) {
      const int64_t epoch = (first + b) / total_windows_;
      place.window = shuffled((first + b) % total_windows_, total_windows_, options_.seed + options_.stream,
                              static_cast<uint64_t>(epoch));
    } else {
      if (windows_.size() > 1) {
        const double draw = rng.uniform_double() * weight_up_to_.back();
        while (place.source + 1 < windows_.size() && draw >= weight_up_to_[place.source]) ++place.source;
      }
      place.window = static_cast<int64_t>(rng.below(static_cast<uint64_t>(windows_[place.source].count())));
    }
    windows_[place.source].copy(place.window, batch.tokens.data() + b * T, batch.targets.data() + b * T);
  }
}

}  // namespace hewn
