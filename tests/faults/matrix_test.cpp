// The fault matrix: every call of every command that writes files fails once, or ends the process.

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "tests/apps/hewn.h"
#include "tests/faults/trial.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

/// Errors with which a call of each kind fails.
std::vector<int> errors_of(Call call) {
  switch (call) {
    case Call::write: return {EIO, ENOSPC, EINTR};
    case Call::read: return {EIO, EINTR};
    case Call::open: return {EMFILE, EACCES, EINTR};
    case Call::mmap:
    case Call::memory: return {ENOMEM};
    case Call::status: return {EACCES};
    case Call::lock: return {ENOLCK, EINTR};
    default: return {EIO, EINTR};
  }
}

/// What can happen at a call of each kind. A process that is killed before a call leaves what one leaves that is killed
/// after the previous change, so only the first call is tried both ways.
std::vector<Fault> faults_of(Call call, int64_t number) {
  std::vector<Fault> faults;
  for (const int error : errors_of(call)) faults.push_back({call, number, Action::fail, error});
  if (call == Call::write || call == Call::read) faults.push_back({call, number, Action::cut_short});
  switch (call) {
    case Call::write:
    case Call::rename:
    case Call::mkdir:
    case Call::link:
    case Call::truncate: faults.push_back({call, number, Action::keep_failing, ENOSPC}); [[fallthrough]];
    case Call::open:
    case Call::remove:
      if (number == 1) faults.push_back({call, number, Action::kill_before});
      faults.push_back({call, number, Action::kill_after});
      break;
    default: break;
  }
  return faults;
}

/// All faults of a command. Of allocations, those whose callers are not in `tried` yet.
std::vector<Fault> all_faults(const Undisturbed& undisturbed, std::set<uint64_t>& tried) {
  std::vector<Fault> all;
  for (int i = 0; i < faults::n_calls; ++i)
    for (int64_t number = 1; number <= undisturbed.counts[i]; ++number) {
      const auto call = static_cast<Call>(i);
      if (call == Call::memory && !tried.insert(undisturbed.stacks[static_cast<size_t>(number - 1)]).second)
        continue;
      const auto faults = faults_of(call, number);
      all.insert(all.end(), faults.begin(), faults.end());
    }
  return all;
}

/// The fault to try again: "train, write 17: EIO", as failures name it, or a beginning of that.
std::string chosen_fault() {
  const char* text = std::getenv("HEWN_FAULT");
  return text ? text : "";
}

/// What became of all faults.
struct Trials {
  int tried = 0, missed = 0;
  std::vector<std::string> problems;
};

/// Tries the faults of a command that begin with `chosen`: all, or `sample` of them.
void try_faults(const Workplace& workplace, const TriedCommand& command, const std::string& chosen,
                size_t sample, std::set<uint64_t>& tried_stacks, Trials& trials) {
  Trial trial(workplace, command);
  auto faults = all_faults(trial.undisturbed(), tried_stacks);
  std::erase_if(faults,
                [&](const Fault& f) { return !(command.name + ", " + text_of(f)).starts_with(chosen); });
  std::shuffle(faults.begin(), faults.end(), std::mt19937_64(Random(command.name).bits()));
  faults.resize(std::min(faults.size(), sample));
  for (const Fault& fault : faults) {
    bool met = false;
    const std::string problem = trial.problem_with(fault, met);
    ++(met ? trials.tried : trials.missed);
    if (problem.empty()) continue;
    trials.problems.push_back(problem);
    std::cerr << problem << std::endl;
  }
  std::cerr << command.name << ": " << faults.size() << " faults, " << trials.problems.size()
            << " problems so far\n";
}

bool trains(const TriedCommand& command) {
  const std::string& word = command.arguments[0];
  return word == "train" || word == "finetune" || word == "sweep";
}

void try_commands(bool that_train) {
  if (!can_preload()) return;
  const std::string chosen = chosen_fault();
  const bool whole = (full() && !sampled()) || !chosen.empty();
  const Workplace workplace;
  auto commands = workplace.commands();
  std::erase_if(commands, [&](const TriedCommand& command) {
    const std::string name = command.name + ",";
    return trains(command) != that_train || !(chosen.starts_with(name) || name.starts_with(chosen));
  });
  if (commands.empty()) return;
  Random random("commands");
  if (!whole) {
    std::shuffle(commands.begin(), commands.end(), std::mt19937_64(random.bits()));
    commands.resize(full() ? 3 : 2);
  }
  std::set<uint64_t> tried_stacks;
  Trials trials;
  for (const TriedCommand& command : commands)
    try_faults(workplace, command, chosen, whole ? SIZE_MAX : 15, tried_stacks, trials);
  std::cerr << "fault matrix: " << trials.tried << " faults in " << commands.size() << " commands, "
            << trials.problems.size() << " problems; " << trials.missed << " calls did not occur again\n";
  CHECK(trials.tried > 0);
  CHECK(trials.problems.empty());
  // Only the number of allocations changes a little from run to run.
  CHECK(trials.missed * 50 <= trials.tried);
}

}  // namespace

TEST_CASE("every call of every command that trains fails once, and nothing is lost", "[training]") {
  try_commands(true);
}

TEST_CASE("every call of every other command fails once, and nothing is lost") { try_commands(false); }

}  // namespace hewn::test
