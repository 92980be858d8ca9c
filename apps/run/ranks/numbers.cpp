#include "apps/run/ranks/numbers.h"

#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/ranks/launch.h"
#include "apps/run/temporary_directory.h"
#include "core/error.h"
#include "model/json.h"

namespace hewn::cli {

std::vector<int64_t> numbers_of_ranks(const Settings& settings) {
  return settings.integers("ranks", 1, 1024);
}

int run_with_each(const Settings& settings, const std::vector<int64_t>& numbers,
                  const std::vector<std::string>& more, Json& rows) {
  for (const int64_t n : numbers) check_ranks(settings, n);
  catch_signals();  // which must not leave the directory behind
  const TemporaryDirectory directory("ranks");
  for (const int64_t n : numbers) {
    if (stop_signal() != 0) return stop_status();
    RankLaunch launch{.ranks = n, .more = more, .out = directory.path(std::to_string(n))};
    launch.more.emplace_back("--json");
    say("timing  with ", n, n == 1 ? " process" : " processes");
    if (const int status = launch_ranks(settings, launch); status != 0) return status;
    for (const auto& row : read_json(launch.out, size_t{1} << 24)) rows.push_back(row);
  }
  return 0;
}

}  // namespace hewn::cli
