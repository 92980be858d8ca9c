#include "kernels/contract/parallel.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace hewn {
namespace {

/// Sums of every row, with rows divided among threads.
std::vector<int64_t> row_sums(int threads, int64_t rows) {
  std::vector<int64_t> sums(static_cast<size_t>(rows), 0);
  parallel_for(Launch{.threads = threads}, rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t i = 0; i <= r; ++i) sums[static_cast<size_t>(r)] += i;
  });
  return sums;
}

/// Whether two threads do the parts of a region at the same time. Each part waits for the other: a single thread would not
/// finish in time.
bool two_threads_work() {
  std::atomic<int> here = 0;
  for (int attempt = 0; attempt < 100 && here != 2; ++attempt) {
    here = 0;
    parallel_for(Launch{.threads = 2}, 2, [&](int64_t, int64_t, int) {
      ++here;
      for (int i = 0; i < 100'000 && here < 2; ++i) std::this_thread::yield();
    });
  }
  return here == 2;
}

}  // namespace

TEST_CASE("parallel: every item is done exactly once, repeatedly") {
  for (const int64_t rows : {0, 1, 2, 3, 7, 64}) {
    const auto expected = row_sums(1, rows);
    for (int round = 0, rounds = test::repeats(60, 300); round < rounds; ++round)
      for (const int threads : {2, 3, 8}) REQUIRE(row_sums(threads, rows) == expected);
  }
}

TEST_CASE("parallel: workers are numbered below the number of threads") {
  std::vector<int> seen(4, 0);
  parallel_for(Launch{.threads = 4}, 100,
               [&](int64_t, int64_t, int worker) { ++seen.at(static_cast<size_t>(worker)); });
  CHECK(seen == std::vector<int>{1, 1, 1, 1});
}

TEST_CASE("parallel: each part is done once, for any number of parts") {
  std::vector<int> done(1000, 0);
  std::atomic<int> at_once = 0, most = 0;
  const auto part = [&](int p) {
    const int now = ++at_once;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    ++done[static_cast<size_t>(p)];
    --at_once;
  };
  parallel_region(
      3, 1000, [](void* context, int p) { (*static_cast<const decltype(part)*>(context))(p); },
      const_cast<void*>(static_cast<const void*>(&part)));
  CHECK(done == std::vector<int>(1000, 1));
  CHECK(most <= 3);
}

TEST_CASE("parallel: several threads do work") {
  if (available_cores() < 2) return test::skip("work on several threads: there is one core");
  CHECK(two_threads_work());
}

TEST_CASE("parallel: concurrent regions from several threads") {
  std::vector<std::vector<int64_t>> results(4);
  std::vector<std::thread> callers;
  for (auto& result : results)
    callers.emplace_back([&result] {
      for (int round = 0; round < 200; ++round) result = row_sums(3, 20);
    });
  for (auto& caller : callers) caller.join();
  for (const auto& result : results) CHECK(result == row_sums(1, 20));
}

TEST_CASE("parallel: a region inside a region runs on its own thread") {
  std::vector<int64_t> inner(4);
  std::atomic<int> elsewhere = 0;
  parallel_for(Launch{.threads = 4}, 4, [&](int64_t begin, int64_t, int) {
    const auto thread = std::this_thread::get_id();
    parallel_for(Launch{.threads = 4}, 4, [&](int64_t, int64_t, int) {
      if (std::this_thread::get_id() != thread) ++elsewhere;
    });
    inner[static_cast<size_t>(begin)] = row_sums(2, 10)[9];
  });
  CHECK(inner == std::vector<int64_t>(4, 45));
  CHECK(elsewhere == 0);
}

TEST_CASE("parallel: regions within a long region do every item exactly once") {
  const auto expected = row_sums(1, 64);
  for (const int threads : {1, 2, 3, 8})
    long_region(threads, [&] {
      for (int round = 0; round < 300; ++round) REQUIRE(row_sums(threads, 64) == expected);
      for (const int fewer : {2, 3, 5}) REQUIRE(row_sums(fewer, 7) == row_sums(1, 7));
    });
}

TEST_CASE("parallel: threads of a long region wait for work, and sleep in between") {
  if (available_cores() < 2) return test::skip("work on several threads: there is one core");
  long_region(2, [] {
    for (const int pause : {0, 0, 0, 100, 5000, 0, 5000, 0}) {  // microseconds; the longest wait is 1000
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
      CHECK(two_threads_work());
    }
  });
}

TEST_CASE("parallel: a long region passes on an exception, and the next one works") {
  CHECK_THROWS_WITH(long_region(3,
                                [] {
                                  row_sums(3, 7);
                                  fail(ErrorCode::input, "on purpose");
                                }),
                    "on purpose");
  long_region(3, [] { CHECK(row_sums(3, 7) == row_sums(1, 7)); });
  CHECK(row_sums(3, 7) == row_sums(1, 7));
}

TEST_CASE("parallel: long regions within and beside each other, and regions of other threads in them") {
  std::vector<std::vector<int64_t>> results(4);
  std::vector<std::thread> callers;
  for (auto& result : results)
    callers.emplace_back([&result] {
      for (int round = 0; round < 50; ++round)
        long_region(2 + round % 2, [&] {
          long_region(2, [&] { result = row_sums(3, 20); });
          parallel_for(Launch{.threads = 3}, 20, [](int64_t, int64_t, int) {});
        });
    });
  for (auto& caller : callers) caller.join();
  for (const auto& result : results) CHECK(result == row_sums(1, 20));
}

namespace {

/// An operation that does nothing but report how many threads its kernel was given.
struct ThreadProbe {
  Cost cost;
  int* threads;
};

}  // namespace

template <>
void kernel<"reference">(const Launch& launch, const ThreadProbe& a) {
  *a.threads = launch.threads;
}

namespace {

const Ladder<ThreadProbe>& ladder_of(const ThreadProbe&) {
  static constexpr Rung<ThreadProbe> rungs[] = {{scalar<"reference">, ""}};
  static constexpr Ladder<ThreadProbe> ladder{"probe", rungs, [](const ThreadProbe& a) { return a.cost; }};
  return ladder;
}

}  // namespace

TEST_CASE("parallel: a device gives small work one thread and large work all of its threads") {
  const auto device = make_cpu(3);
  int small = 0, large = 0;
  run(*device, ThreadProbe{{1000, 1000}, &small});
  run(*device, ThreadProbe{{1e9, 1000}, &large});
  CHECK(small == 1);
  CHECK(large == 3);
}

TEST_CASE("parallel: work of a few microseconds stays on one thread") {
  const auto product = [](double M, double N, double K) {
    return Cost{2 * M * N * K, 4 * (M * K + K * N + M * N)};
  };
  CHECK(threads_for(product(1, 512, 128), 2) == 1);  // one token of a character model
  CHECK(threads_for(product(64, 512, 128), 2) == 2);
  CHECK(threads_for(product(1, 2304, 768), 16) == 16);  // one token of GPT-2
  CHECK(threads_for(Cost{0, 4096}, 16) == 1);
  CHECK(threads_for(Cost{0, 16 << 20}, 16) == 16);
}

TEST_CASE("parallel: one thread runs the parts in order and propagates exceptions") {
  std::vector<int64_t> begins;
  const auto record = [](void* context, int part) {
    static_cast<std::vector<int64_t>*>(context)->push_back(part);
  };
  parallel_region(1, 3, record, &begins);
  CHECK(begins == std::vector<int64_t>{0, 1, 2});
  const auto fails = [&](int64_t, int64_t, int) { fail(ErrorCode::failed, "on purpose"); };
  CHECK_THROWS_AS(parallel_for(Launch{.threads = 1}, 5, fails), Error);
  CHECK(row_sums(2, 7) == row_sums(1, 7));
}

TEST_CASE("parallel: a sum of blocks has the same bits for any number of threads") {
  std::vector<float> x(100'000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 1.0f / static_cast<float>(i + 1);
  std::vector<float> sums;
  for (const int threads : {1, 2, 3, 4, 7}) {
    std::vector<float> partial(static_cast<size_t>(blocks_of(100'000, 4096)), 0);
    parallel_elements(Launch{.threads = threads}, 100'000, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        partial[static_cast<size_t>(i / 4096)] += x[static_cast<size_t>(i)];
    });
    float sum = 0;
    for (const float p : partial) sum += p;
    sums.push_back(sum);
  }
  for (const float sum : sums) CHECK(std::memcmp(&sum, sums.data(), sizeof sum) == 0);
}

}  // namespace hewn
