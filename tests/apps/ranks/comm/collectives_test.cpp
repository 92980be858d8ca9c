// hewn bench comm: its check of results, with ranks as threads.

#include "apps/ranks/comm/collectives.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

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

/// What the check of a collective says on 4 ranks, after `change` has changed the result.
template <class Change>
std::string verdict_on(Collective what, const Change& change) {
  constexpr int64_t n = 9 * norm_block + 17;
  std::mutex mutex;
  std::string verdict = "right";
  try {
    Mailboxes(4, run_seed(), 4 * norm_block * int64_t{sizeof(float)}).run([&](Ranks& ranks) {
      const auto device = make_cpu(1);
      Tensor slab = Tensor::empty(*device, DType::f32, {n});
      Collectives collectives(ranks, *device, n);
      collectives.fill(what, slab);
      const std::vector<float> mine = slab.values<float>();
      collectives.run(what, slab);
      change(ranks, mine, slab.ptr<float>(), collectives.owned().back().end - 1);
      try {
        collectives.check(what, slab);
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

TEST_CASE("collectives have the bits of the tree, whatever the ranks, sizes and buckets", "[ranks]") {
  for (const int size : {2, 4, 8})
    for (const int64_t n : {norm_block, 5 * norm_block + 3, 20 * norm_block}) {
      INFO(size << " ranks, " << n << " elements");
      Mailboxes mailboxes(size, run_seed(), size * norm_block * int64_t{sizeof(float)});
      CHECK_NOTHROW(mailboxes.run([&](Ranks& ranks) {
        const auto device = make_cpu(1);
        Tensor slab = Tensor::empty(*device, DType::f32, {n});
        Collectives collectives(ranks, *device, n);
        for (int round = 0; round < 2; ++round)
          for (const Collective what : every_collective)
            require(collectives.timed_and_checked(what, slab) > 0, "no time has passed");
      }));
    }
}

TEST_CASE("results that differ in a bit, or are added in another order, are errors", "[ranks]") {
  for (const Collective what : every_collective) {
    INFO(static_cast<int>(what));
    const auto changed_by = [&](const auto& change) {
      return verdict_on(what,
                        [&](Ranks&, const std::vector<float>&, float* x, int64_t last) { change(x[last]); });
    };
    CHECK(changed_by([](float&) {}) == "right");
    CHECK(contains(changed_by([](float& x) { x = std::nextafter(x, 2.0F); }), ": element "));
    CHECK(contains(changed_by([](float& x) { x = std::numeric_limits<float>::quiet_NaN(); }),
                   " is nan on rank "));
    if (what == Collective::all_gather) continue;
    const auto one_by_one = [](Ranks& ranks, const std::vector<float>& mine, float* x, int64_t) {
      std::fill(x, x + mine.size(), 0.0F);
      for (const auto& theirs : ranks.gather(std::vector<double>(mine.begin(), mine.end())))
        for (size_t i = 0; i < mine.size(); ++i) x[i] += static_cast<float>(theirs[i]);
    };
    CHECK(contains(verdict_on(what, one_by_one), ": element "));
  }
}

TEST_CASE("bus bandwidth is that of nccl-tests", "[ranks]") {
  CHECK(bus_factor(Collective::reduce_scatter, 2) == 0.5);
  CHECK(bus_factor(Collective::all_gather, 4) == 0.75);
  CHECK(bus_factor(Collective::all_reduce, 4) == 1.5);
}

}  // namespace hewn::test
