#include "apps/commands/ranks/launch.h"

#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/system/child.h"
#include "apps/cli/terminal.h"
#include "apps/run/ranks/library.h"
#include "apps/run/ranks/start.h"
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
              ": '", line, "' is no host; give a name and the number of its slots: node1 2");
    hosts.push_back(std::move(host));
  }
  require(!hosts.empty(), path, ": names no host; give a line for each: a name, and the number of its slots");
  return hosts;
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

// This command, for a rank.
std::vector<std::string> words_of_command(const Settings& settings) {
  // As the user calls it, so that messages do, too; other hosts may have another PATH.
  const bool findable = !settings.has("hosts") && program().find('\'') == std::string::npos;
  std::vector<std::string> words{findable ? program() : own_program()};
  for (const std::string& word : split(settings.command().name, ' ')) words.push_back(word);
  if (!settings.config.empty()) words.push_back(settings.config);
  for (const Option* option : options_of(settings.command())) {
    // The environment has the others.
    if (!settings.given(option->name) || !settings.where(option->name).starts_with('-')) continue;
    if (option->name == "hosts" || option->name == "restarts") continue;
    for (const std::string& value : split(settings.text(option->name), '\n'))
      words.push_back(join("--", option->name, "=", value));
  }
  return words;
}

// The launcher's options: ranks keep to cores of their own choice.
std::vector<std::string> words_of_launcher(const MessageLibrary& library, const Settings& settings,
                                           const std::vector<Host>& hosts) {
  const std::string ranks = std::to_string(settings.integer("ranks"));
  std::string list;
  for (const Host& host : hosts) list += join(list.empty() ? "" : ",", host.name, ":", host.slots);
  std::vector<std::string> words{library.launcher, "-n", ranks};
  if (!list.empty()) words.insert(words.end(), {library.hydra ? "-hosts" : "--host", list});
  if (library.hydra) {
    // The others report the loss of a rank, and end by themselves.
    words.insert(words.end(), {"-bind-to", "none", "-disable-auto-cleanup"});
    return words;
  }
  words.insert(words.end(), {"--quiet", "--oversubscribe", "--bind-to", "none"});
  // Has the launcher miss a host that is cut off as soon as the ranks do; it would wait for the host for ever.
  const auto timeout = static_cast<int64_t>(settings.real("rank_timeout"));
  for (const auto& [parameter, value] :
       {std::pair{"time", timeout / 2}, {"intvl", timeout / 6}, {"probes", 3}})
    words.insert(words.end(), {"--mca", join("oob_tcp_keepalive_", parameter),
                               std::to_string(std::max<int64_t>(1, value))});
  // Open MPI hands on the environment to this host only.
  for (const std::string& line : environment())
    if (!hosts.empty() && (line.starts_with("HEWN_") || line.starts_with("OMP_")))
      words.insert(words.end(), {"-x", line.substr(0, line.find('='))});
  return words;
}

std::vector<std::string> environment_of_launcher() {
  std::vector<std::string> all = environment();
  // Open MPI asks for this to be confirmed, since a program of root's can do harm; this one is ours.
  if (::geteuid() == 0)
    all.insert(all.end(), {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"});
  // UCX, by which Debian's MPICH sends long messages, reads them from the other process's memory, and aborts if that has
  // ended.
  if (!std::getenv("UCX_RNDV_THRESH")) all.push_back("UCX_RNDV_THRESH=inf");
  return all;
}

// Runs a program to its end, passing on stops. Returns its status.
int run_to_end(std::vector<std::string> words) {
  Child launcher(std::move(words), environment_of_launcher());
  for (int passed_on = 0;;) {
    if (const auto status = launcher.ended()) return *status;
    if (const int signal = stop_signal(); signal != passed_on) {
      passed_on = signal;
      launcher.send(SIGUSR1);  // upon others, it would kill the ranks
    }
    std::this_thread::sleep_for(10ms);
  }
}

// Starts the ranks, waits for their end, and returns their status.
int run_ranks(const MessageLibrary& library, const Settings& settings, const std::vector<Host>& hosts) {
  std::vector<std::string> words = words_of_launcher(library, settings, hosts);
  for (std::string& word : words_of_command(settings)) words.push_back(std::move(word));
  const int status = run_to_end(std::move(words));
  // Hydra returns 0 after a signal, whatever the ranks return.
  if (stop_signal() != 0 && (status != 0 || library.hydra)) return stop_status();
  if (status == 0) return 0;
  const bool stopped = status == 128 + SIGINT || status == 128 + SIGTERM || status == 128 + SIGHUP;
  const bool said = status <= static_cast<int>(ErrorCode::numerical);
  return stopped || said ? status : static_cast<int>(ErrorCode::failed);
}

// Whether the launcher can start a program there, before this time is over.
bool is_there(const MessageLibrary& library, const Host& host, std::chrono::duration<double> timeout) {
  std::vector<std::string> words{library.launcher, "-n",  "1", library.hydra ? "-hosts" : "--host",
                                 host.name,        "true"};
  Child trial(std::move(words), environment_of_launcher(), "/dev/null", "/dev/null");
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < end && stop_signal() == 0) {
    if (const auto status = trial.ended()) return *status == 0;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// What goes on after some ranks have been lost: the run from its last checkpoint, with as many ranks as there is still room
// for.
void prepare_restart(Settings& settings, std::vector<Host>& hosts, const MessageLibrary& library) {
  std::erase_if(hosts, [&](const Host& host) {
    const bool lost = !is_there(library, host, std::chrono::duration<double>(settings.real("rank_timeout")));
    if (lost) say("note    ", host.name, " cannot be reached, and is left out");
    return lost;
  });
  if (settings.has("hosts")) {
    uint64_t slots = 0;
    for (const Host& host : hosts) slots += static_cast<uint64_t>(host.slots);
    if (slots == 0) fail(ErrorCode::failed, "no host of ", settings.text("hosts"), " can be reached");
    // A power of two that is smaller divides grad_shards as well.
    const auto ranks = std::min(settings.integer("ranks"), static_cast<int64_t>(std::bit_floor(slots)));
    settings.set({"ranks", std::to_string(ranks), "--ranks"});
  }
  // If it was lost before its first checkpoint, it begins again.
  if (path_is_directory(settings.text("out_dir"))) settings.set({"init_from", "resume", "--init_from"});
}

}  // namespace

int launch_ranks(const Settings& given) {
  Settings settings = given;
  const MessageLibrary& library = message_library();
  const int64_t ranks = settings.integer("ranks");
  check_ranks(settings, ranks);
  std::vector<Host> hosts;
  if (settings.has("hosts")) {
    hosts = read_hosts(settings.text("hosts"));
    check_hosts(hosts, ranks, settings);
  } else if (ranks > available_cores()) {
    say("note    ", ranks, " ranks share ", available_cores(), available_cores() == 1 ? " core" : " cores");
  }
  catch_signals();
  for (int64_t left = settings.integer("restarts");; --left) {
    const int status = run_ranks(library, settings, hosts);
    if (status != static_cast<int>(ErrorCode::failed) || left == 0) return status;
    prepare_restart(settings, hosts, library);
    if (stop_signal() != 0) return stop_status();
    say("restart with ", settings.integer("ranks"), settings.integer("ranks") == 1 ? " rank, " : " ranks, ",
        left - 1, left == 2 ? " restart left" : " restarts left");
  }
}

}  // namespace hewn::cli
