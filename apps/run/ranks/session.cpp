#include "apps/run/ranks/session.h"

#include <algorithm>
#include <cstdlib>

#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/ranks/cores.h"
#include "apps/run/ranks/launch.h"
#include "apps/run/ranks/launch_watch.h"
#include "apps/run/ranks/library.h"
#include "apps/run/ranks/local_ranks.h"
#include "apps/run/temporary_directory.h"
#include "core/error.h"
#include "model/json.h"
#include "train/ranks/communication.h"

namespace hewn::cli {
namespace {

// A number in the environment; 0 if there is none.
int64_t number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  int64_t number = 0;
  return text && parse_integer(text, number) ? number : 0;
}

// At once and without the prefix of this rank, which is the one that the user hears now.
void report(const Error& error) { write_own_message(join("hewn: ", visible(error.what()), "\n")); }

void check_number(const Settings& settings, const Ranks& ranks) {
  const std::string asked = settings.has("ranks") ? settings.text("ranks") : "0";
  int64_t number = 0;
  require(parse_integer(asked, number) && (number == 0 || number == ranks.size()), settings.where("ranks"),
          ": ranks = ", asked, ", but a launcher has started ", ranks.size(), " processes; leave ranks out");
}

// What connects this process with the others.
std::function<std::unique_ptr<Messages>()> transport() {
  if (is_local_rank()) return connect_local_rank;
  return [&library = message_library()] { return connect_ranks(library); };
}

// Within which all ranks must be connected. A launcher ends all when the first has: a little later on each of them, so
// that the user hears only one.
std::chrono::duration<double> time_to_open(const Settings& settings) {
  const auto rank = static_cast<double>(number_in("OMPI_COMM_WORLD_RANK") + number_in("PMI_RANK"));
  return std::chrono::duration<double>(settings.real("rank_timeout") + rank / 4);
}

}  // namespace

bool started_as_rank() {
  if (is_local_rank()) return true;
  // Of Open MPI; of MPICH, and of srun --mpi=pmi2.
  if (number_in("OMPI_COMM_WORLD_SIZE") > 1 || number_in("PMI_SIZE") > 1) return true;
  if (number_in("SLURM_STEP_NUM_TASKS") < 2) return false;
  require(std::getenv("PMIX_RANK"), "srun has started ", std::getenv("SLURM_STEP_NUM_TASKS"),
          " processes without connecting them; give it --mpi=pmix, or --mpi=pmi2 for MPICH");
  return true;
}

int as_one_of_ranks(const Settings& settings, const std::function<int(Ranks&)>& body) {
  const auto end_now = [](const Error& error) { std::_Exit(static_cast<int>(error.code())); };
  const std::chrono::duration<double> timeout(settings.real("rank_timeout"));
  be_watched();
  Communication communication(
      transport(),
      {.timeout = timeout, .opening = time_to_open(settings), .report = report, .stuck = end_now});
  Ranks ranks(communication);
  catch_signals();
  catch_stop_of_ranks();
  if (ranks.rank() > 0) speak_as_one_of_several(join("rank ", ranks.rank(), ": "));
  try {
    check_number(settings, ranks);
    take_own_cores(ranks);
    const int status = body(ranks);
    communication.close(true);
    return status;
  } catch (const Error& error) {
    // First, since the launcher kills this rank when another one has ended.
    if (!communication.has_failed() && ranks.rank() == 0) write_error(error.what());
    communication.give_up(error);
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    communication.give_up(Error(ErrorCode::failed, error.what()));
    throw;
  }
}

bool any_asked_to_stop(Ranks& ranks) {
  const double mine = stop_signal();
  double asked = 0;
  for (const std::vector<double>& theirs : ranks.gather(std::span(&mine, 1)))
    asked = std::max(asked, theirs.at(0));
  if (asked != 0) note_signal(static_cast<int>(asked));
  return asked != 0;
}

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
