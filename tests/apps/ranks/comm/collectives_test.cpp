// hewn bench comm: its check of results, with ranks as threads.

#include "apps/ranks/comm/collectives.h"

#include <cstring>

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/train/ranks/mailboxes.h"

namespace hewn::test {
namespace {

using namespace hewn::cli;

constexpr Collective every_collective[] = {Collective::reduce_scatter, Collective::all_gather,
                                           Collective::all_reduce};

/// Adds the ranks' numbers one after the other, and then `error` to the last that a rank owns. Owns what `ExactWay`
/// does.
class OneByOne final : public CollectiveWay {
 public:
  OneByOne(Ranks& ranks, Device& device, int64_t n, bool exact, float error)
      : ranks_(ranks), exact_way_(ranks, device, n), exact_(exact), error_(error) {}
  std::string name() const override { return "one by one"; }
  bool exact() const override { return exact_; }
  std::vector<Range> owned() const override { return exact_way_.owned(); }
  double run(Collective what, Tensor& slab) override {
    if (what == Collective::all_gather) {
      exact_way_.run(what, slab);
    } else {
      const auto n = static_cast<size_t>(slab.numel());
      std::string mine(n * sizeof(float), '\0');
      std::memcpy(mine.data(), slab.data(), mine.size());
      std::vector<float> sum(n), part(n);
      for (const std::string& theirs : ranks_.gather(mine)) {
        std::memcpy(part.data(), theirs.data(), theirs.size());
        for (size_t i = 0; i < n; ++i) sum[i] += part[i];
      }
      std::memcpy(slab.data(), sum.data(), mine.size());
    }
    slab.ptr<float>()[owned().back().end - 1] += error_;
    return 0;
  }

 private:
  Ranks& ranks_;
  ExactWay exact_way_;
  bool exact_;
  float error_;
};

/// What the check of a collective says, on 4 ranks that compute it one by one.
std::string verdict_on(Collective what, bool exact, float error) {
  constexpr int64_t n = 9 * norm_block + 17;
  std::mutex mutex;
  std::string verdict = "right";
  try {
    Mailboxes(4, run_seed(), 4 * norm_block * int64_t{sizeof(float)}).run([&](Ranks& ranks) {
      const auto device = make_cpu(1);
      Tensor slab = Tensor::empty(*device, DType::f32, {n});
      OneByOne way(ranks, *device, n, exact, error);
      try {
        timed_and_checked(ranks, way, what, slab);
      } catch (const Error& problem) {
        const std::lock_guard lock(mutex);
        if (problem.code() == ErrorCode::numerical) verdict = problem.what();
        throw;
      }
    });
  } catch (const Error&) {  // of any rank: one may only find that another has ended
  }
  return verdict;
}

}  // namespace

TEST_CASE("exact collectives have the bits of the tree, whatever the ranks, sizes and buckets", "[ranks]") {
  for (const int size : {2, 4, 8})
    for (const int64_t n : {norm_block, 5 * norm_block + 3, 20 * norm_block}) {
      INFO(size << " ranks, " << n << " elements");
      Mailboxes mailboxes(size, run_seed(), size * norm_block * int64_t{sizeof(float)});
      CHECK_NOTHROW(mailboxes.run([&](Ranks& ranks) {
        const auto device = make_cpu(1);
        Tensor slab = Tensor::empty(*device, DType::f32, {n});
        ExactWay way(ranks, *device, n);
        for (int round = 0; round < 2; ++round)
          for (const Collective what : every_collective)
            require(timed_and_checked(ranks, way, what, slab) > 0, "no time has passed");
      }));
    }
}

TEST_CASE("results with another rounding pass as a library's only, and wrong ones never", "[ranks]") {
  for (const Collective what : every_collective) {
    const bool sums = what != Collective::all_gather;
    INFO(names_of(what) << ", " << static_cast<int>(what));
    CHECK(verdict_on(what, false, 0) == "right");
    CHECK((verdict_on(what, true, 0) == "right") == !sums);
    CHECK(verdict_on(what, false, 1e-4F).find("one by one: element ") != std::string::npos);
    CHECK(verdict_on(what, false, std::numeric_limits<float>::quiet_NaN()).find(" is nan on rank ") !=
          std::string::npos);
  }
}

TEST_CASE("bus bandwidth is that of nccl-tests", "[ranks]") {
  CHECK(bus_factor(Collective::reduce_scatter, 2) == 0.5);
  CHECK(bus_factor(Collective::all_gather, 4) == 0.75);
  CHECK(bus_factor(Collective::all_reduce, 4) == 1.5);
}

}  // namespace hewn::test
