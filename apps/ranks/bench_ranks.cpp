#include "apps/ranks/bench_ranks.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/ranks/launch.h"
#include "apps/run/ranks/session.h"
#include "apps/run/ranks/start.h"
#include "core/error.h"
#include "kernels/contract/parallel.h"
#include "model/json.h"
#include "train/ranks/gradient_exchange.h"
#include "train/ranks/value_exchange.h"
#include "train/step/rules.h"

namespace hewn::cli {
namespace {

constexpr int exchanges = 5;

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds that the ranks have waited in a step, or in an exchange: the least and the most of any rank.
struct Waited {
  double least = 0, most = 0;
};

// The medians, from each rank's times.
Waited medians(const std::vector<std::vector<double>>& by_rank) {
  std::vector<double> least, spread;
  for (size_t step = 0; step < by_rank.at(0).size(); ++step) {
    double low = by_rank[0][step], high = low;
    for (const std::vector<double>& rank : by_rank)
      low = std::min(low, rank.at(step)), high = std::max(high, rank.at(step));
    least.push_back(low);
    spread.push_back(high - low);
  }
  const double low = median_of(least);
  return {.least = low, .most = low + median_of(spread)};
}

// Tokens per second and core, or GPU; ranks that share cores have no more of them than the machine.
double tokens_per_core(const Json& entry, const Settings& settings) {
  if (settings.text("device") == "cuda")
    return entry.at("tokens_per_s").get<double>() / entry.at("ranks").get<double>();
  const int64_t threads = entry.at("ranks").get<int64_t>() * entry.at("threads").get<int64_t>();
  const int64_t cores = settings.has("hosts") ? threads : std::min<int64_t>(threads, available_cores());
  return entry.at("tokens_per_s").get<double>() / static_cast<double>(cores);
}

// Adds the efficiency beside one rank, if there is a row for one.
void add_efficiency(Json& rows, const Settings& settings) {
  const auto one =
      std::find_if(rows.begin(), rows.end(), [](const Json& row) { return row.at("ranks") == 1; });
  if (one == rows.end()) return;
  const double alone = tokens_per_core(*one, settings);
  for (Json& row : rows) row["efficiency_percent"] = 100 * (tokens_per_core(row, settings) / alone);
}

std::string rank_table(const Json& rows) {
  std::vector<std::vector<std::string>> table{{"ranks", "threads", "ms per step", "tokens/s", "efficiency",
                                               "sent", "communication ms", "hidden", "slowest ms"}};
  for (const Json& row : rows) {
    const auto number = [&](const char* key, int digits, const char* unit = "") {
      return row.contains(key) ? fixed(row.at(key).get<double>(), digits) + unit : "-";
    };
    table.push_back({std::to_string(row.at("ranks").get<int64_t>()),
                     std::to_string(row.at("threads").get<int64_t>()), number("ms_per_step", 2),
                     short_count(row.at("tokens_per_s").get<double>()), number("efficiency_percent", 1, "%"),
                     row.contains("bytes_sent") ? bytes_text(row.at("bytes_sent").get<double>()) : "-",
                     number("communication_ms", 2), number("hidden_percent", 1, "%"),
                     number("slowest_ms", 2)});
  }
  return table_text(table);
}

}  // namespace

void RankWatch::watch(const std::function<void()>& step) {
  const Traffic before = ranks_.traffic();
  step();
  const Traffic cost = ranks_.traffic() - before;
  bytes_sent_ = cost.bytes_sent;
  steps_.push_back(cost.seconds_waited);
}

void RankWatch::watch_exchange(Parameters& parameters, const TrainConfig& config) {
  GradientGroups groups(parameters, 1);
  const Slices slices = ranks_.slices(blocks_of(parameters, config.optimizer), parameters.dtype());
  GradientExchange exchange(parameters, groups, ranks_, slices);
  ValueExchange values(parameters, ranks_, slices);
  const Tensor grads = elements_of(*parameters.slab().grads, parameters.dtype());
  for (int i = 0; i < exchanges; ++i) {
    ranks_.gather("");  // begin together
    const double before = ranks_.traffic().seconds_waited;
    exchange.finish();
    if (config.optimizer.shard) {
      values.gather();
      values.finish();
    } else {
      ranks_.all_gather(grads, slices);
    }
    ranks_.settle();
    alone_.push_back(ranks_.traffic().seconds_waited - before);
  }
}

void RankWatch::report(Json& entry) {
  const Waited step = medians(ranks_.gather(steps_)), exchange = medians(ranks_.gather(alone_));
  entry["bytes_sent"] = bytes_sent_;
  entry["communication_ms"] = exchange.least * 1e3;
  entry["exposed_ms"] = step.least * 1e3;
  entry["hidden_percent"] = 100 * std::clamp(1 - step.least / exchange.least, 0.0, 1.0);
  entry["slowest_ms"] = (step.most - step.least) * 1e3;
}

std::string rank_report(const Json& entry) {
  const auto number = [&](const char* key, int digits) { return fixed(entry.at(key).get<double>(), digits); };
  return join(entry.at("ranks").get<int64_t>(), " ranks: each sends ",
              bytes_text(entry.at("bytes_sent").get<double>()), " in a step; communication takes ",
              number("communication_ms", 2), " ms, of which ", number("hidden_percent", 1),
              "% are hidden; the fastest rank waits ", number("slowest_ms", 2), " ms for the slowest");
}

int bench_train_ranks(const Settings& settings) {
  const std::vector<int64_t> numbers = numbers_of_ranks(settings);
  Settings all = settings;  // with the micro-steps of a step
  std::vector<std::string> more;
  if (!settings.given("gradient_accumulation_steps")) {
    const std::string most = std::to_string(*std::max_element(numbers.begin(), numbers.end()));
    all.set({"gradient_accumulation_steps", most, settings.where("ranks")});
    more.push_back("--gradient_accumulation_steps=" + most);
  }
  for (const int64_t n : numbers) {
    check_ranks(settings, n);
    Settings divided = all;
    divide_micro_steps(divided, n);
  }
  Json rows = Json::array();
  if (const int status = run_with_each(settings, numbers, more, rows); status != 0) return status;
  add_efficiency(rows, settings);
  print(settings.flag("json") ? json_text(rows, 2) + "\n" : rank_table(rows));
  return 0;
}

}  // namespace hewn::cli
