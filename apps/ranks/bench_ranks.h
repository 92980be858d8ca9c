#pragma once
// hewn bench train with several ranks: the cost of communication per step.

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "apps/cli/settings.h"
#include "model/json.h"
#include "model/parameters.h"
#include "train/config.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Watches the steps of ranks that train together; every function must be called by all of them.
///
/// All ranks take the same time for a step, since they wait for each other. The rank that waits least is the
/// slowest: its wait is communication that no computation hides. The additional wait of any other rank is for
/// the slowest rank.
class RankWatch {
 public:
  explicit RankWatch(Ranks& ranks) : ranks_(ranks) {}

  /// Calls `step`, and records the bytes sent and the time waited.
  void watch(const std::function<void()>& step);
  /// Exchanges gradients and values as a step does, with nothing to overlap, and records the time. Leaves the
  /// gradients with meaningless values.
  void watch_exchange(Parameters& parameters, const TrainConfig& config);
  /// Adds the results to an entry of `bench train --json`: medians over the steps.
  void report(Json& entry);

 private:
  Ranks& ranks_;
  int64_t bytes_sent_ = 0;             // by this rank per step
  std::vector<double> steps_, alone_;  // seconds that it waited, by step and by exchange
};

/// The same as text.
std::string rank_report(const Json& entry);

/// Times training with each number of processes in the key `ranks`, and compares them. Returns the exit status.
int bench_train_ranks(const Settings& settings);

}  // namespace hewn::cli
