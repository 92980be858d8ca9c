#include "kernels/contract/parallel.h"

#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace hewn {
namespace {

/// Sums of every row, rows over threads.
std::vector<int64_t> row_sums(int threads, int64_t rows) {
  std::vector<int64_t> sums(static_cast<size_t>(rows), 0);
  parallel_for(Launch{.threads = threads}, rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t i = 0; i <= r; ++i) sums[static_cast<size_t>(r)] += i;
  });
  return sums;
}

}  // namespace

TEST_CASE("parallel: every item is done exactly once, many times over") {
  for (const int64_t rows : {0, 1, 2, 3, 7, 64}) {
    const auto expected = row_sums(1, rows);
    for (int round = 0; round < 300; ++round)
      for (const int threads : {2, 3, 8}) REQUIRE(row_sums(threads, rows) == expected);
  }
}

TEST_CASE("parallel: workers are numbered below the number of threads") {
  std::vector<int> seen(4, 0);
  parallel_for(Launch{.threads = 4}, 100,
               [&](int64_t, int64_t, int worker) { ++seen.at(static_cast<size_t>(worker)); });
  CHECK(seen == std::vector<int>{1, 1, 1, 1});
}

TEST_CASE("parallel: regions inside regions and from several threads") {
  std::vector<std::vector<int64_t>> results(4);
  std::vector<std::thread> callers;
  for (auto& result : results)
    callers.emplace_back([&result] {
      for (int round = 0; round < 200; ++round) result = row_sums(3, 20);
    });
  for (auto& caller : callers) caller.join();
  for (const auto& result : results) CHECK(result == row_sums(1, 20));
  int64_t inner = 0;
  parallel_for(Launch{.threads = 2}, 2, [&](int64_t begin, int64_t, int) {
    if (begin == 0) inner = row_sums(2, 10)[9];
  });
  CHECK(inner == 45);
}

}  // namespace hewn
