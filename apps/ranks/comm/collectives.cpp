#include "apps/ranks/comm/collectives.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>

#include "core/base/clock.h"
#include "core/error.h"
#include "model/keys.h"
#include "train/ranks/gradient_exchange.h"

namespace hewn::cli {
namespace {

constexpr int64_t block = 4096;

// Element i of a rank's slab: any number in [-1, 1], so that the rounding of a sum depends on its order.
float number_of(int rank, int64_t i) {
  auto x = static_cast<uint32_t>(i) * 0x9e3779b1U + static_cast<uint32_t>(rank) * 0x85ebca77U;
  x = (x ^ (x >> 15)) * 0x2c1b3c6dU;
  x = (x ^ (x >> 12)) * 0x297a2d39U;
  return static_cast<float>(static_cast<int32_t>(x ^ (x >> 15))) * 0x1p-31F;
}

// Calls `body(begin, end)` for the blocks of a range.
template <class Body>
void for_blocks(Range range, const Body& body) {
  for (int64_t begin = range.begin; begin < range.end; begin += block)
    body(begin, std::min(begin + block, range.end));
}

// What all elements of a result must be.
class Expected {
 public:
  Expected(Collective what, int ranks)
      : rows_(what == Collective::all_gather ? 1 : static_cast<size_t>(ranks)), numbers_(rows_ * block) {}

  // Elements [begin, end), at most a block: of an all-gather those of rank 0, else the sum as a tree.
  std::span<const float> of(int64_t begin, int64_t end) {
    for (size_t rank = 0; rank < rows_; ++rank)
      for (int64_t i = begin; i < end; ++i)
        numbers_[rank * block + static_cast<size_t>(i - begin)] = number_of(static_cast<int>(rank), i);
    for (size_t stride = 1; stride < rows_; stride *= 2)
      for (size_t rank = 0; rank < rows_; rank += 2 * stride)
        for (size_t i = 0; i < block; ++i)
          numbers_[rank * block + i] += numbers_[(rank + stride) * block + i];
    return {numbers_.data(), static_cast<size_t>(end - begin)};
  }

 private:
  size_t rows_;
  std::vector<float> numbers_;  // [rows, block]
};

}  // namespace

double bus_factor(Collective what, int ranks) {
  return (what == Collective::all_reduce ? 2.0 : 1.0) * (ranks - 1) / ranks;
}

Collectives::Collectives(Ranks& ranks, Device& device, int64_t n)
    : ranks_(ranks), slices_(ranks.slices(n, DType::f32)) {
  for (int64_t i = 0; i < std::min(GradientExchange::most_under_way, slices_.buckets()); ++i)
    rooms_.push_back(ranks.room(device, DType::f32, slices_));
}

std::vector<Range> Collectives::owned() const {
  std::vector<Range> all;
  for (int64_t bucket = 0; bucket < slices_.buckets(); ++bucket)
    all.push_back(slices_.elements(bucket, ranks_.rank()));
  return all;
}

void Collectives::fill(Collective what, Tensor& slab) const {
  auto* const x = slab.ptr<float>();
  const Range all{0, slab.numel()};
  if (what != Collective::all_gather) {
    for (int64_t i = all.begin; i < all.end; ++i) x[i] = number_of(ranks_.rank(), i);
    return;
  }
  std::fill(x, x + all.end, std::numeric_limits<float>::quiet_NaN());
  for (const Range& mine : owned())
    for (int64_t i = mine.begin; i < mine.end; ++i) x[i] = number_of(0, i);
}

void Collectives::reduce_scatter(const Tensor& slab) {
  const int64_t n = slices_.buckets(), most = std::ssize(rooms_);
  for (int64_t bucket = 0; bucket < n + most; ++bucket) {
    BucketExchange& room = rooms_[static_cast<size_t>(bucket % most)];
    if (bucket >= most) ranks_.finish(room);
    if (bucket < n) ranks_.start(slab, slices_, bucket, room);
  }
}

double Collectives::run(Collective what, Tensor& slab) {
  const auto start = Clock::now();
  if (what != Collective::all_gather) reduce_scatter(slab);
  if (what != Collective::reduce_scatter) ranks_.all_gather(slab, slices_);
  return seconds_since(start);
}

void Collectives::check(Collective what, const Tensor& slab) const {
  const auto* const x = slab.ptr<float>();
  Expected expected(what, ranks_.size());
  const bool everything = what != Collective::reduce_scatter;
  for (const Range& range : everything ? std::vector<Range>{{0, slab.numel()}} : owned())
    for_blocks(range, [&](int64_t begin, int64_t end) {
      const std::span<const float> right = expected.of(begin, end);
      for (int64_t i = begin; i < end; ++i)
        if (const float r = right[static_cast<size_t>(i - begin)];
            std::bit_cast<uint32_t>(x[i]) != std::bit_cast<uint32_t>(r))
          fail(ErrorCode::numerical, name_of(what), ": element ", i, " of ", slab.numel(), " is ", x[i],
               " on rank ", ranks_.rank(), ", but must be ", r);
    });
}

double Collectives::timed_and_checked(Collective what, Tensor& slab) {
  fill(what, slab);
  ranks_.gather("");  // begin together
  const double mine = run(what, slab);
  check(what, slab);
  double slowest = 0;
  for (const std::vector<double>& theirs : ranks_.gather(std::span(&mine, 1)))
    slowest = std::max(slowest, theirs.at(0));
  return slowest;
}

}  // namespace hewn::cli
