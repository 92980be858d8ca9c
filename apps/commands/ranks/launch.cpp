#include "apps/commands/ranks/launch.h"

#include <netdb.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
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
    if (option->name == "hosts") continue;
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
    words.insert(words.end(), {"-bind-to", "none"});
    return words;
  }
  words.insert(words.end(), {"--quiet", "--oversubscribe", "--bind-to", "none"});
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
  return all;
}

}  // namespace

int launch_ranks(const Settings& settings) {
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
  std::vector<std::string> words = words_of_launcher(library, settings, hosts);
  for (std::string& word : words_of_command(settings)) words.push_back(std::move(word));
  catch_signals();
  Child launcher(std::move(words), environment_of_launcher());
  int passed_on = 0;
  for (;;) {
    const auto status = launcher.ended();
    if (!status) {
      if (const int signal = stop_signal(); signal != passed_on) {
        passed_on = signal;
        launcher.send(SIGUSR1);  // upon others, it would kill the ranks
      }
      std::this_thread::sleep_for(10ms);
      continue;
    }
    if (*status == 0) return 0;
    if (passed_on != 0) return stop_status();
    const bool stopped = *status == 128 + SIGINT || *status == 128 + SIGTERM || *status == 128 + SIGHUP;
    const bool said = *status <= static_cast<int>(ErrorCode::numerical);
    return stopped || said ? *status : static_cast<int>(ErrorCode::failed);
  }
}

}  // namespace hewn::cli
