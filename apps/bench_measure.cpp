#include "apps/bench_measure.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/error.h"

namespace hewn::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double least_seconds = 1e-3;                   // a repetition calls often enough to take this long
constexpr std::chrono::milliseconds falling_asleep{10};  // what spinning threads of libraries need

void check(Case& c, const Contender& who, const std::vector<std::vector<double>>& reference) {
  c.reset();
  who.run(c);
  std::string wrong = c.difference(reference);
  if (wrong.empty()) wrong = c.damage();
  if (!wrong.empty())
    fail(ErrorCode::numerical, c.op(), " ", c.shape(), " ", name_of(c.dtype()), ", rung ", who.name, " on ",
         name_of(who.isa), ", ", who.threads, " threads: ", wrong);
}

double seconds_per_call(Case& c, const Contender& who, int64_t calls) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i) who.run(c);
  const std::chrono::duration<double> took = Clock::now() - start;
  return took.count() / static_cast<double>(calls);
}

int64_t calls_per_repetition(Case& c, const Contender& who) {
  const double once = seconds_per_call(c, who, 1);
  return std::clamp<int64_t>(static_cast<int64_t>(least_seconds / std::max(once, 1e-9)), 1, 100'000);
}

}  // namespace

std::vector<Measurement> measure(Case& c, const std::vector<Contender>& list, int64_t repeat) {
  int threads = 1;
  for (const Contender& who : list) threads = std::max(threads, who.threads);
  c.reset();
  c.run(0, Isa::scalar, threads);
  const auto reference = c.outputs();
  std::vector<Measurement> results;
  std::vector<int64_t> calls;
  for (const Contender& who : list) {
    check(c, who, reference);
    results.push_back({.who = &who});
    calls.push_back(calls_per_repetition(c, who));
  }
  // In turn: all contenders, again and again, so that a disturbance hits none alone.
  for (int64_t r = 0; r < repeat; ++r)
    for (size_t i = 0; i < list.size(); ++i) {
      results[i].seconds.push_back(seconds_per_call(c, list[i], calls[i]));
      if (list[i].peer) std::this_thread::sleep_for(falling_asleep);
    }
  for (Measurement& m : results) {
    check(c, *m.who, reference);
    std::sort(m.seconds.begin(), m.seconds.end());
  }
  return results;
}

}  // namespace hewn::cli
