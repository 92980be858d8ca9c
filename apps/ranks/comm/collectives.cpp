#include "apps/ranks/comm/collectives.h"

#include <algorithm>
#include <bit>
#include <cmath>
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

void fill(CollectiveWay& way, Collective what, int rank, Tensor& slab) {
  auto* const x = slab.ptr<float>();
  const Range all{0, slab.numel()};
  if (what != Collective::all_gather) {
    for (int64_t i = all.begin; i < all.end; ++i) x[i] = number_of(rank, i);
    return;
  }
  std::fill(x, x + all.end, std::numeric_limits<float>::quiet_NaN());
  for (const Range& mine : way.owned())
    for (int64_t i = mine.begin; i < mine.end; ++i) x[i] = number_of(0, i);
}

void check(CollectiveWay& way, Collective what, const Ranks& ranks, const Tensor& slab) {
  const auto* const x = slab.ptr<float>();
  Expected expected(what, ranks.size());
  // Two orders of R numbers in [-1, 1] differ by R - 1 roundings of sums up to R at most, twice.
  const double most = way.exact() || what == Collective::all_gather
                          ? 0
                          : std::numeric_limits<float>::epsilon() * (ranks.size() - 1.0) * ranks.size();
  const auto wrong = [&](float found, float right) {
    return most == 0 ? std::bit_cast<uint32_t>(found) != std::bit_cast<uint32_t>(right)
                     : !(std::abs(static_cast<double>(found) - right) <= most);
  };
  const bool everything = what != Collective::reduce_scatter;
  for (const Range& range : everything ? std::vector<Range>{{0, slab.numel()}} : way.owned())
    for_blocks(range, [&](int64_t begin, int64_t end) {
      const std::span<const float> right = expected.of(begin, end);
      for (int64_t i = begin; i < end; ++i)
        if (const float r = right[static_cast<size_t>(i - begin)]; wrong(x[i], r))
          fail(ErrorCode::numerical, name_of(what), ", ", way.name(), ": element ", i, " of ", slab.numel(),
               " is ", x[i], " on rank ", ranks.rank(), ", but must be ", r);
    });
}

}  // namespace

double bus_factor(Collective what, int ranks) {
  return (what == Collective::all_reduce ? 2.0 : 1.0) * (ranks - 1) / ranks;
}

ExactWay::ExactWay(Ranks& ranks, Device& device, int64_t n)
    : ranks_(ranks), slices_(ranks.slices(n, DType::f32)) {
  for (int64_t i = 0; i < std::min(GradientExchange::most_under_way, slices_.buckets()); ++i)
    rooms_.push_back(ranks.room(device, DType::f32, slices_));
}

std::vector<Range> ExactWay::owned() const {
  std::vector<Range> all;
  for (int64_t bucket = 0; bucket < slices_.buckets(); ++bucket)
    all.push_back(slices_.elements(bucket, ranks_.rank()));
  return all;
}

void ExactWay::reduce_scatter(const Tensor& slab) {
  const int64_t n = slices_.buckets(), most = std::ssize(rooms_);
  for (int64_t bucket = 0; bucket < n + most; ++bucket) {
    BucketExchange& room = rooms_[static_cast<size_t>(bucket % most)];
    if (bucket >= most) ranks_.finish(room);
    if (bucket < n) ranks_.start(slab, slices_, bucket, room);
  }
}

double ExactWay::run(Collective what, Tensor& slab) {
  const auto start = Clock::now();
  if (what != Collective::all_gather) reduce_scatter(slab);
  if (what != Collective::reduce_scatter) ranks_.all_gather(slab, slices_);
  return seconds_since(start);
}

LibraryWay::LibraryWay(Communication& communication, const MessageLibrary& library, Device& device, int64_t n)
    : communication_(communication),
      library_(library),
      mine_{n / communication.size() * communication.rank(),
            n / communication.size() * (communication.rank() + 1)},
      part_(Tensor::empty(device, DType::f32, {mine_.size()})) {}

void LibraryWay::check(const char* problem) const {
  if (problem) fail(ErrorCode::failed, library_.name, ": ", problem);
}

double LibraryWay::run(Collective what, Tensor& slab) {
  auto* const all = slab.ptr<float>();
  auto* const part = part_.ptr<float>();
  const auto n = static_cast<size_t>(slab.numel());
  if (what == Collective::all_gather) std::copy(all + mine_.begin, all + mine_.end, part);
  double seconds = 0;
  communication_.call([&] {
    float together = 0;
    check(library_.all_reduce(&together, 1));
    const auto start = Clock::now();
    check(what == Collective::reduce_scatter ? library_.reduce_scatter(all, part, n)
          : what == Collective::all_gather   ? library_.all_gather(part, all, n)
                                             : library_.all_reduce(all, n));
    seconds = seconds_since(start);
  });
  if (what == Collective::reduce_scatter) std::copy(part, part + mine_.size(), all + mine_.begin);
  return seconds;
}

double timed_and_checked(Ranks& ranks, CollectiveWay& way, Collective what, Tensor& slab) {
  fill(way, what, ranks.rank(), slab);
  ranks.gather("");  // begin together
  const double mine = way.run(what, slab);
  check(way, what, ranks, slab);
  double slowest = 0;
  for (const std::vector<double>& theirs : ranks.gather(std::span(&mine, 1)))
    slowest = std::max(slowest, theirs.at(0));
  return slowest;
}

}  // namespace hewn::cli
