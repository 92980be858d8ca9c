#include "apps/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>
#include <tuple>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/base/clock.h"
#include "core/error.h"

namespace hewn::cli {
namespace {
constexpr double least_seconds = 1e-3;                   // minimum duration of a repetition
constexpr std::chrono::milliseconds falling_asleep{10};  // how long spinning threads of libraries need
// Calls before the timed ones, as in a step: after a pause, cores must wake up, refill their caches and
// raise their clock.
constexpr double run_up_seconds = 2e-3;
constexpr double longest_run_up = 0.05;  // in seconds; longer calls need no run-up
constexpr double least_gain = 0.7;       // of each thread that has a core of its own
constexpr size_t most_twins = size_t{1} << 15;

void check(Case& c, const Contender& who, const Reference& reference, const char* when) {
  c.reset();
  who.run(c);
  std::string wrong = c.difference(reference);
  if (wrong.empty()) wrong = c.damage();
  if (!wrong.empty())
    fail(ErrorCode::numerical, c.op(), " ", c.shape(), " ", name_of(c.dtype()), ", rung ", who.name, " on ",
         name_of(who.isa), ", ", who.threads, " threads, ", when, " timing: ", wrong);
}

/// The operands for calls. Warm: the same ones every time. Cold: copies in rotation, which together fill the
/// last cache several times over, so that each call finds its operands in memory. A case that is already that
/// large needs no copies and is never warm.
class Operands {
 public:
  Operands(Case& c, Cache cache) {
    const size_t enough = cold_set(c), one = std::max<size_t>(c.bytes(), 1);
    if (cache == Cache::cold && one < enough)
      for (size_t i = 0; i < std::min(enough / one + 1, most_twins); ++i)
        turns_.push_back(twins_.emplace_back(c.twin()).get());
    else
      turns_ = {&c};
  }
  Case& next() {
    at_ = at_ + 1 == turns_.size() ? 0 : at_ + 1;
    return *turns_[at_];
  }
  bool are_those_of(const Case& c) const { return turns_[0] == &c; }

 private:
  std::vector<std::unique_ptr<Case>> twins_;
  std::vector<Case*> turns_;
  size_t at_ = 0;
};

double seconds_per_call(Operands& operands, const Contender& who, int64_t calls) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i) who.run(operands.next());
  return seconds_since(start) / static_cast<double>(calls);
}

/// The calls of a contender in one round.
struct Turn {
  int64_t calls = 1;   ///< timed
  int64_t run_up = 0;  ///< calls before, which wake the threads and, if warm, load the operands
};

Turn turn_of(Operands& operands, const Contender& who) {
  const double once = seconds_per_call(operands, who, 1);
  const auto calls_in = [&](double seconds) {
    return std::clamp<int64_t>(static_cast<int64_t>(seconds / std::max(once, 1e-9)), 1, 100'000);
  };
  return {.calls = calls_in(least_seconds), .run_up = once < longest_run_up ? calls_in(run_up_seconds) : 0};
}

double take(const Turn& turn, Operands& operands, const Contender& who, PinnedThreads& threads) {
  for (int64_t i = 0; i < turn.run_up; ++i) who.run(operands.next());
  threads.hold();
  return seconds_per_call(operands, who, turn.calls);
}

/// Measurements of a case with equal conditions have the same roof.
using Conditions = std::tuple<Isa, int, Cache>;
Conditions conditions_of(const Measurement& m) { return {m.who->level, m.who->threads, m.cache}; }

/// A stream, and the number of calls whose bytes it moves in one round.
struct RoofWalk {
  RoofStream stream;
  int64_t calls;
};

/// The streams that may bound these measurements.
std::map<Conditions, RoofWalk> walks_for(Case& c, const std::vector<Measurement>& list,
                                         const std::vector<Turn>& turns) {
  std::map<Conditions, RoofWalk> walks;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto [level, threads, cache] = conditions_of(list[i]);
    const auto known = walks.find(conditions_of(list[i]));
    if (known != walks.end())
      known->second.calls = std::max(known->second.calls, turns[i].calls);
    else if (streams(c, level, threads, cache))
      walks.emplace(conditions_of(list[i]), RoofWalk{{c, level, threads, cache}, turns[i].calls});
  }
  return walks;
}

int most_threads(const BenchPlan& plan) {
  return *std::max_element(plan.threads.begin(), plan.threads.end());
}

class CpuMeasurer final : public Measurer {
 public:
  explicit CpuMeasurer(const BenchPlan& plan) : plan_(plan), threads_(most_threads(plan)) {
    if (plan.counters && !counters_.why_not().empty())
      say("--counters: no hardware counters: ", counters_.why_not());
  }

  std::vector<BenchRow> ceilings() override { return cli::ceilings(plan_); }
  Measured measure(Case& c, const std::vector<Contender>& list) override;
  Roof roof(Case& c, const Measurement& m) override {
    return roof_of(c, m.who->level, m.who->threads, m.cache, m.best(), m.streamed);
  }
  void tell_conditions(const std::vector<BenchRow>& rows) const override;

 private:
  std::string where_threads_ran() const;

  const BenchPlan& plan_;
  PinnedThreads threads_;
  ShareClock clock_;
  Counters counters_;
  double reference_loop_ = 1e30;  ///< best time so far, in seconds
};

Measured CpuMeasurer::measure(Case& c, const std::vector<Contender>& list) {
  const Reference reference = c.reference(most_threads(plan_));
  for (const Contender& who : list) {
    threads_.release_caller();
    check(c, who, reference, "before");
    threads_.hold();
  }

  c.reset();
  Operands warm(c, Cache::warm), cold(c, plan_.cold ? Cache::cold : Cache::warm);
  const auto operands = [&](Cache cache) -> Operands& { return cache == Cache::warm ? warm : cold; };
  Measured result;
  std::vector<Turn> turns;
  for (const Cache cache : {Cache::warm, Cache::cold}) {
    const bool asked =
        cache == Cache::warm ? plan_.warm && !(plan_.cold && cold.are_those_of(c)) : plan_.cold;
    for (const Contender& who : list) {
      if (!asked) continue;
      result.of.push_back({.who = &who, .cache = cache});
      turns.push_back(turn_of(operands(cache), who));
    }
  }
  std::map<Conditions, RoofWalk> walks = walks_for(c, result.of, turns);
  // Interleaves all contenders, so that a disturbance affects all of them, and starts each round with a
  // different one, so that none always follows the same.
  clock_.since();
  const bool beside_peers =
      std::any_of(list.begin(), list.end(), [](const Contender& who) { return who.peer; });
  std::vector<double> loops;
  for (int64_t r = 0; r < plan_.repeat; ++r) {
    loops.push_back(reference_loop_seconds());
    for (size_t k = 0; k < result.of.size(); ++k) {
      const size_t i = (k + static_cast<size_t>(r)) % result.of.size();
      Measurement& m = result.of[i];
      m.seconds.push_back(take(turns[i], operands(m.cache), *m.who, threads_));
      if (beside_peers) std::this_thread::sleep_for(falling_asleep);
    }
    for (auto& [conditions, walk] : walks) walk.stream.walk(walk.calls);
  }
  result.shares = clock_.since();
  std::sort(loops.begin(), loops.end());
  reference_loop_ = std::min(reference_loop_, loops.front());
  result.drift_percent = 100 * (loops[loops.size() / 2] / reference_loop_ - 1);

  for (size_t i = 0; i < result.of.size(); ++i) {
    Measurement& m = result.of[i];
    std::sort(m.seconds.begin(), m.seconds.end());
    if (const auto walk = walks.find(conditions_of(m)); walk != walks.end())
      m.streamed = walk->second.stream.best();
    const auto once = [&] { m.who->run(operands(m.cache).next()); };
    if (plan_.counters) m.counts = counters_.count(turns[i].calls, once);
    if (plan_.loops && m.who->sampled) m.hot_loop = hot_loop(once);
  }
  for (const Contender& who : list) check(c, who, reference, "after");
  return result;
}

std::string CpuMeasurer::where_threads_ran() const {
  const int threads = most_threads(plan_);
  if (!threads_.pinned()) return "Threads were not pinned, because there are more of them than processors.";
  if (threads == 1) return "The thread was pinned.";
  const double gain = arithmetic_gain(plan_.isas.back(), threads);
  const bool separate = threads_.cores() == threads;
  std::string text = join("The ", threads, " threads were pinned to ",
                          separate                ? "separate cores"
                          : threads_.cores() == 1 ? "one shared core"
                                                  : join(threads_.cores(), " shared cores"),
                          ", and together do ", fixed(gain, 2), " times the arithmetic of one thread.");
  if (separate && gain < least_gain * threads)
    text +=
        " That is the speed of threads that share cores; the host of this virtual machine may place them on "
        "shared cores.";
  return text;
}

void CpuMeasurer::tell_conditions(const std::vector<BenchRow>& rows) const {
  double drift = 0, others = -1, steal = -1;
  for (const BenchRow& row : rows) {
    drift = std::max(drift, row.drift_percent);
    others = std::max(others, row.others_percent);
    steal = std::max(steal, row.steal_percent);
  }
  const auto share = [](double percent) { return percent < 0 ? "unknown" : fixed(percent, 1) + "%"; };
  say(where_threads_ran(), " At worst, a reference loop ran ", fixed(drift, 1),
      "% slower than at its best, other processes used ", share(others),
      " of the machine's time, and the host took ", share(steal), " of it (steal).");
  if (drift > 5 || others > 10 || steal > 5)
    say("The machine was not idle: trust the best times more than the medians, and use more repetitions "
        "(-r).");
}

}  // namespace

double Measurement::at(double part) const {
  const double place = part * static_cast<double>(seconds.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, seconds.size() - 1);
  return std::lerp(seconds[below], seconds[above], place - static_cast<double>(below));
}

std::unique_ptr<Measurer> make_cpu_measurer(const BenchPlan& plan) {
  return std::make_unique<CpuMeasurer>(plan);
}

}  // namespace hewn::cli
