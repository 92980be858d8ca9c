#include "apps/run/ranks/launch.h"

#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <csignal>
#include <sstream>
#include <thread>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/system/child.h"
#include "apps/cli/terminal.h"
#include "apps/run/ranks/launch_watch.h"
#include "apps/run/ranks/library.h"
#include "apps/run/ranks/local_ranks.h"
#include "apps/run/ranks/start.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "kernels/contract/parallel.h"

namespace hewn::cli {
namespace {

using namespace std::chrono_literals;

struct Host {
  std::string name;
  int64_t slots = 1;
};

// The lines of the file `hosts`: a name, and a number of slots.
std::vector<Host> read_hosts(const std::string& path) {
  std::istringstream lines(read_small_file(path, size_t{1} << 20));
  std::vector<Host> hosts;
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    Host host;
    std::string slots, more;
    if (!(words >> host.name)) continue;
    if (words >> slots)
      require(parse_integer(slots, host.slots) && host.slots > 0 && !(words >> more), path, ":", number,
              ": '", line, "' is not a host; give a name and the number of its slots, such as: node1 2");
    hosts.push_back(std::move(host));
  }
  require(!hosts.empty(), path,
          ": names no host; give one line per host: a name and the number of its slots");
  return hosts;
}

// Those of the file `hosts`; none if there is no file.
std::vector<Host> hosts_of(const Settings& settings) {
  const bool named = settings.takes("hosts") && settings.has("hosts");
  return named ? read_hosts(settings.text("hosts")) : std::vector<Host>{};
}

void check_hosts(const std::vector<Host>& hosts, int64_t ranks, const Settings& settings) {
  int64_t slots = 0;
  for (const Host& host : hosts) {
    slots += host.slots;
    addrinfo* found = nullptr;
    const int problem = ::getaddrinfo(host.name.c_str(), nullptr, nullptr, &found);
    if (problem == 0) ::freeaddrinfo(found);
    require(problem == 0, settings.text("hosts"), ": the host ", host.name,
            " is unknown: ", ::gai_strerror(problem));
  }
  require(ranks <= slots, settings.where("ranks"), ": ranks = ", ranks, ", but ", settings.text("hosts"),
          " has ", slots, slots == 1 ? " slot" : " slots", "; give fewer ranks, or more slots: NAME SLOTS");
}

double timeout_of(const Settings& settings) {
  return settings.takes("rank_timeout") ? settings.real("rank_timeout") : 30;
}

// This command, for a rank, by this name of the program.
std::vector<std::string> words_of_command(const Settings& settings, const RankLaunch& launch,
                                          const std::string& name) {
  std::vector<std::string> words{name};
  for (const std::string& word : split(settings.command().name, ' ')) words.push_back(word);
  if (!settings.config.empty()) words.push_back(settings.config);
  words.insert(words.end(), settings.arguments.begin(), settings.arguments.end());
  for (const Option* option : options_of(settings.command())) {
    // The environment has the others.
    if (!settings.given(option->name) || !settings.where(option->name).starts_with('-')) continue;
    if (option->name == "hosts" || option->name == "ranks" || option->name == "restarts") continue;
    for (const std::string& value : split(settings.text(option->name), '\n'))
      words.push_back(join("--", option->name, "=", value));
  }
  words.push_back(join("--ranks=", launch.ranks));
  words.insert(words.end(), launch.more.begin(), launch.more.end());
  return words;
}

// The options of MPI's launcher: ranks keep to cores of their own choice.
std::vector<std::string> words_of_launcher(const Settings& settings, int64_t ranks,
                                           const std::vector<Host>& hosts) {
  const MessageLibrary& library = message_library();
  std::string list;
  for (const Host& host : hosts) list += join(list.empty() ? "" : ",", host.name, ":", host.slots);
  std::vector<std::string> words{library.launcher, "-n", std::to_string(ranks)};
  if (library.hydra) {
    words.insert(words.end(), {"-hosts", list, "-bind-to", "none"});
    return words;
  }
  words.insert(words.end(), {"--host", list, "--quiet", "--oversubscribe", "--bind-to", "none"});
  // Has the launcher miss a host that is cut off before the ranks do; it would wait for the host for ever. Once it has
  // sent the host something, as it does when ranks end, the connection is no longer probed.
  const auto timeout = std::lround(timeout_of(settings));
  for (const auto& [parameter, value] :
       {std::pair{"time", timeout / 6}, {"intvl", timeout / 12}, {"probes", 2L}})
    words.insert(words.end(),
                 {"--mca", join("oob_tcp_keepalive_", parameter), std::to_string(std::max(1L, value))});
  // Open MPI hands on the environment to this host only.
  for (const std::string& line : environment())
    if (line.starts_with("HEWN_") || line.starts_with("OMP_") || line.starts_with("NCCL_"))
      words.insert(words.end(), {"-x", line.substr(0, line.find('='))});
  return words;
}

std::vector<std::string> environment_of_launcher() {
  std::vector<std::string> all = environment();
  std::erase_if(all,
                [](const std::string& line) { return line.starts_with(join(LaunchWatch::variable, "=")); });
  // Open MPI asks for this to be confirmed, since a program of root's can do harm; this one is ours.
  if (::geteuid() == 0)
    all.insert(all.end(), {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"});
  return all;
}

using Programs = std::vector<std::unique_ptr<Child>>;
using Seconds = std::chrono::duration<double>;

// The exit status of a command whose rank has ended with this one.
int status_of_rank(int status) {
  const bool stopped = status == 128 + SIGINT || status == 128 + SIGTERM || status == 128 + SIGHUP;
  const bool said = status <= static_cast<int>(ErrorCode::numerical);
  return stopped || said ? status : static_cast<int>(ErrorCode::failed);
}

// Waits for the end of all, and passes a stop on to them as this signal. `look` is called with those that are left.
// Returns the largest status.
int run_to_end(Programs programs, int signal_of_stop, const std::function<void(const Programs&)>& look) {
  int largest = 0;
  for (int passed_on = 0;;) {
    std::erase_if(programs, [&](const auto& program) {
      const auto status = program->ended();
      largest = std::max(largest, status_of_rank(status.value_or(0)));
      return status.has_value();
    });
    if (programs.empty()) return largest;
    if (stop_signal() != passed_on) {
      passed_on = stop_signal();
      for (const auto& program : programs) program->send(signal_of_stop);
    }
    look(programs);
    std::this_thread::sleep_for(10ms);
  }
}

// Runs ranks on this host. Those that are left this time after the first has ended hang, or were stopped, and are killed.
int run_here(const Settings& settings, const RankLaunch& launch, Seconds patience) {
  // The name by which the user calls the program, so that messages of ranks do, too.
  const bool quoted = program().find('\'') != std::string::npos;
  Programs ranks = start_local_ranks(words_of_command(settings, launch, quoted ? own_program() : program()),
                                     launch.ranks, launch.out);
  std::optional<Clock::time_point> first_end;
  bool forced = false;
  // Only one of two Ctrl-C may end a rank at once: another rank may have told it of the first.
  return run_to_end(std::move(ranks), SIGTERM, [&](const Programs& left) {
    if (!first_end && std::ssize(left) < launch.ranks) first_end = Clock::now();
    if (forced || !first_end || Clock::now() < *first_end + patience) return;
    say("note    ", left.size(), left.size() == 1 ? " rank is" : " ranks are", " killed: still running ",
        patience.count(), " s after the first one ended");
    for (const auto& rank : left) rank->send(SIGKILL);
    forced = true;
  });
}

// Runs the launcher of MPI to its end, and ends it by force, with the ranks that are left, if it is still there this time
// after the first rank on this host has ended.
int run_on_hosts(const Settings& settings, const RankLaunch& launch, const std::vector<Host>& hosts,
                 Seconds patience) {
  std::vector<std::string> words = words_of_launcher(settings, launch.ranks, hosts);
  // Other hosts may have another PATH.
  for (std::string& word : words_of_command(settings, launch, own_program()))
    words.push_back(std::move(word));
  LaunchWatch watch;
  std::vector<std::string> environment = environment_of_launcher();
  environment.push_back(watch.environment_line());
  Programs launcher;
  launcher.push_back(
      std::make_unique<Child>(std::move(words), std::move(environment), ChildOptions{.out = launch.out}));
  bool forced = false;
  // Upon other signals than this one, a launcher would kill the ranks.
  const int status = run_to_end(std::move(launcher), SIGUSR1, [&](const Programs& left) {
    watch.look();
    const auto end = watch.first_end();
    if (!end || Clock::now() < *end + patience) return;
    if (!forced) {
      say("note    the launcher is killed: still running ", patience.count(), " s after a rank ended");
      watch.kill_ranks();
      left[0]->send(SIGTERM);  // it removes its files
    }
    forced = true;
    if (Clock::now() > *end + patience + 2s) left[0]->send(SIGKILL);
  });
  return forced ? static_cast<int>(ErrorCode::failed) : status;
}

// Starts the ranks, waits for their end, and returns their status.
int run_ranks(const Settings& settings, const RankLaunch& launch, const std::vector<Host>& hosts) {
  // The ranks end by themselves within rank_timeout.
  const Seconds patience = Seconds(timeout_of(settings)) + 5s;
  const int status =
      hosts.empty() ? run_here(settings, launch, patience) : run_on_hosts(settings, launch, hosts, patience);
  // Hydra returns 0 after a signal, whatever the ranks return.
  const bool stopped = status != 0 || (!hosts.empty() && message_library().hydra);
  return stop_signal() != 0 && stopped ? stop_status() : status;
}

// Whether the launcher can start a program there, before this time is over.
bool is_there(const Host& host, Seconds timeout) {
  const MessageLibrary& library = message_library();
  std::vector<std::string> words{library.launcher, "-n",  "1", library.hydra ? "-hosts" : "--host",
                                 host.name,        "true"};
  Child trial(std::move(words), environment_of_launcher(), {.out = "/dev/null", .err = "/dev/null"});
  const auto end = Clock::now() + timeout;
  while (Clock::now() < end && stop_signal() == 0) {
    if (const auto status = trial.ended()) return *status == 0;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// What goes on after some ranks have been lost: the run from its last checkpoint, with as many ranks as there is still room
// for.
void prepare_restart(Settings& settings, RankLaunch& launch, std::vector<Host>& hosts) {
  const bool named = !hosts.empty();
  std::erase_if(hosts, [&](const Host& host) {
    const bool lost = !is_there(host, Seconds(timeout_of(settings)));
    if (lost) say("note    ", host.name, " cannot be reached and is not used");
    return lost;
  });
  if (named) {
    uint64_t slots = 0;
    for (const Host& host : hosts) slots += static_cast<uint64_t>(host.slots);
    if (slots == 0) fail(ErrorCode::failed, "no host of ", settings.text("hosts"), " can be reached");
    // A power of two that is smaller divides grad_shards as well.
    launch.ranks = std::min(launch.ranks, static_cast<int64_t>(std::bit_floor(slots)));
  }
  // If it was lost before its first checkpoint, it begins again.
  if (path_is_directory(settings.text("out_dir"))) settings.set({"init_from", "resume", "--init_from"});
}

}  // namespace

int64_t ranks_to_launch(const Settings& settings) {
  const int64_t ranks = std::max<int64_t>(1, settings.integer("ranks"));
  for (const char* key : {"hosts", "restarts"})  // those of the environment are for all commands
    require(
        ranks > 1 || !settings.takes(key) || !settings.given(key) || !settings.where(key).starts_with('-'),
        settings.where(key), ": requires several processes; give their number as --ranks=N");
  return ranks;
}

void check_ranks(const Settings& settings, int64_t ranks) {
  const auto below = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(ranks)));
  require(ranks == below, settings.where("ranks"), ": ranks = ", ranks, "; expected a power of two, such as ",
          below, ", since gradients are added in pairs");
  if (const std::vector<Host> hosts = hosts_of(settings); !hosts.empty()) check_hosts(hosts, ranks, settings);
}

int launch_ranks(const Settings& given, const RankLaunch& first) {
  Settings settings = given;
  RankLaunch launch = first;
  std::vector<Host> hosts = hosts_of(settings);
  if (!hosts.empty()) (void)message_library();  // without it, nothing else matters
  check_ranks(settings, launch.ranks);
  if (hosts.empty() && launch.ranks > available_cores())
    say("note    ", launch.ranks, " ranks share ", available_cores(),
        available_cores() == 1 ? " core" : " cores");
  catch_signals();
  for (int64_t left = settings.takes("restarts") ? settings.integer("restarts") : 0;; --left) {
    const int status = run_ranks(settings, launch, hosts);
    if (status != static_cast<int>(ErrorCode::failed) || left == 0) return status;
    prepare_restart(settings, launch, hosts);
    if (stop_signal() != 0) return stop_status();
    say("restart with ", launch.ranks, launch.ranks == 1 ? " rank, " : " ranks, ", left - 1,
        left == 2 ? " restart left" : " restarts left");
  }
}

}  // namespace hewn::cli
