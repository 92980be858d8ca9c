// hewn bench comm: times sums and copies over several processes, and checks each result.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/ranks/comm/collectives.h"
#include "apps/run/ranks/session.h"
#include "apps/run/ranks/start.h"
#include "core/error.h"
#include "core/io/limits.h"
#include "kernels/devices/devices.h"
#include "model/json.h"
#include "train/ranks/agreement.h"

namespace hewn::cli {
namespace {

// The key `mb`.
std::vector<int64_t> sizes_in_mb(const Settings& settings) { return settings.integers("mb", 1, 4096); }

// The numbers of processes to start.
std::vector<int64_t> several_ranks(const Settings& settings) {
  if (!settings.has("ranks")) return {2};
  std::vector<int64_t> numbers = numbers_of_ranks(settings);
  for (const int64_t n : numbers)
    require(n > 1, settings.where("ranks"),
            ": a single process sends nothing; give powers of two, at least 2, such as 2,4");
  return numbers;
}

// Throws ErrorCode::memory if this host's ranks need more than it has for slabs of this many bytes.
void check_memory_for(double bytes, Ranks& ranks) {
  const std::string here = name_of_host();
  const auto hosts = ranks.gather(here);
  // A slab, and what others send of four buckets, which are no longer than the slab.
  const double each = bytes * 2;
  const double needed = each * static_cast<double>(std::count(hosts.begin(), hosts.end(), here));
  const auto available = static_cast<double>(available_memory());
  if (available > 0 && needed > available)
    fail(ErrorCode::memory, bytes_text(bytes), " per process take up to ", bytes_text(needed), ", but ",
         bytes_text(available), " are free; give fewer MB or fewer processes");
}

Json comm_row(Collective what, int ranks, int64_t mb, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const double best = seconds.front(), median = seconds[seconds.size() / 2];
  const double gb = static_cast<double>(mb << 20) * 1e-9, bus = bus_factor(what, ranks);
  return {{"op", name_of(what)},
          {"shape", join(mb, " MB, ", ranks, " ranks")},
          {"dtype", name_of(DType::f32)},
          {"rung", "exact"},
          {"ranks", ranks},
          {"mb", mb},
          {"best_ms", best * 1e3},
          {"median_ms", median * 1e3},
          {"algbw_gbps", gb / best},
          {"busbw_gbps", gb / best * bus},
          {"median_busbw_gbps", gb / median * bus}};
}

// Appends the rows of one size. Returns false if the user has asked for the end.
bool time_size(Ranks& ranks, int64_t mb, int64_t repeat, Json& rows) {
  const int64_t bytes = mb << 20, n = bytes / int64_t{sizeof(float)};
  check_memory_for(static_cast<double>(bytes), ranks);
  const auto device = make_cpu(1);
  Tensor slab = Tensor::empty(*device, DType::f32, {n});
  Collectives collectives(ranks, *device, n);
  for (const Collective what : {Collective::reduce_scatter, Collective::all_gather, Collective::all_reduce}) {
    std::vector<double> seconds;
    for (int64_t round = -1; round < repeat; ++round) {  // the first is a warm-up
      if (any_asked_to_stop(ranks)) return false;
      const double took = collectives.timed_and_checked(what, slab);
      if (round >= 0) seconds.push_back(took);
    }
    rows.push_back(comm_row(what, ranks.size(), mb, seconds));
  }
  return true;
}

void print_comm_rows(const Json& rows, bool as_json) {
  if (as_json) return print(json_text(rows, 2), "\n");
  std::vector<std::vector<std::string>> table{
      {"collective", "MB", "ranks", "best ms", "median ms", "GB/s", "bus GB/s", "median bus"}};
  for (const auto& row : rows) {
    const auto number = [&](const char* key) { return fixed(row.at(key).get<double>(), 2); };
    table.push_back({row.at("op"), std::to_string(row.at("mb").get<int64_t>()),
                     std::to_string(row.at("ranks").get<int64_t>()), number("best_ms"), number("median_ms"),
                     number("algbw_gbps"), number("busbw_gbps"), number("median_busbw_gbps")});
  }
  print(table_text(table));
}

int time_as_rank(const Settings& settings, Ranks& ranks) {
  ranks.set_bucket_bytes(settings.integer("bucket_mb") << 20);
  say_ranks(ranks, *make_cpu(1));
  auto rows = Json::array();
  for (const int64_t mb : sizes_in_mb(settings))
    if (!time_size(ranks, mb, settings.integer("repeat"), rows)) return stop_status();
  print_comm_rows(rows, settings.flag("json"));
  flush_results();
  return 0;
}

}  // namespace

int run_bench_comm(const Settings& settings) {
  require(settings.arguments.empty(), "'", settings.arguments.empty() ? "" : settings.arguments[0],
          "' is neither a CONFIG.toml nor a key");
  sizes_in_mb(settings);
  if (started_as_rank())
    return as_one_of_ranks(settings, [&](Ranks& ranks) { return time_as_rank(settings, ranks); });
  auto rows = Json::array();
  if (const int status = run_with_each(settings, several_ranks(settings), {}, rows); status != 0)
    return status;
  print_comm_rows(rows, settings.flag("json"));
  return 0;
}

}  // namespace hewn::cli
