#include "tests/faults/trial.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <memory>

#include "core/io/socket.h"
#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

bool kills(const Fault& fault) {
  return fault.action == Action::kill_before || fault.action == Action::kill_after;
}

/// Whether the program is to go on as if nothing had happened.
bool harmless(const Fault& fault) {
  return fault.action == Action::cut_short || (fault.action == Action::fail && fault.error == EINTR);
}

/// Whether the exit status is the documented one of what failed.
bool by_the_book(const Fault& fault, const ProcessResult& r) {
  const int status = r.exit_code;
  const bool no_memory = contains(r.err, "Cannot allocate memory") || contains(r.err, "out of memory");
  switch (fault.call) {
    case Call::memory: return status == 4 || (no_memory && (status == 1 || status == 3));
    case Call::mmap: return status == 1 || status == 3 || status == 4;
    case Call::open:
    case Call::read:
    case Call::status: return status == 1 || status == 3;
    default: return status == 1;
  }
}

}  // namespace

Trial::Trial(const Workplace& workplace, const TriedCommand& command)
    : workplace_(workplace), command_(command), faults_(workplace.path(), workplace.aside("control")) {
  faults_.note_stacks(8);
  const ProcessResult r = run({});
  undisturbed_.stacks = faults_.stacks();
  faults_.note_stacks(0);
  INFO(command.name << "\n" << r.err);
  REQUIRE(r.exit_code == 0);
  undisturbed_.out = r.out;
  undisturbed_.outputs = outputs_of(workplace.path(), command.outputs);
  for (int i = 0; i < faults::n_calls; ++i) undisturbed_.counts[i] = faults_.count(static_cast<Call>(i));
}

ProcessResult Trial::run(const Fault& fault) {
  workplace_.restore();
  faults_.set(fault);
  if (command_.rank < 0) return hewn(command_.arguments, {.env = faults_.environment()});
  // As the launcher of ranks starts them.
  const auto start = [&](int rank, Socket socket, std::map<std::string, std::string> environment) {
    ::fcntl(socket.get(), F_SETFD, 0);
    const std::string fd = std::to_string(socket.get());
    environment["HEWN_RANK_SOCKETS"] = rank == 0 ? "-1," + fd : fd + ",-1";
    Words words = command_.arguments;
    words.insert(words.begin(), hewn_program().string());
    return std::make_unique<Process>(words, ProcessOptions{.env = environment});
  };
  auto [mine, theirs] = connected_sockets();
  const auto beside = start(1 - command_.rank, std::move(theirs), {});
  ProcessResult r = start(command_.rank, std::move(mine), faults_.environment())->finish();
  const ProcessResult other = beside->finish();
  // What the one cannot say any more, the other says.
  r.err += other.err;
  r.timed_out |= other.timed_out;
  if (other.signal != 0 && r.signal == 0) r.signal = other.signal;
  if (other.exit_code != 0 && r.exit_code == 0) r.exit_code = other.exit_code;
  return r;
}

std::string Trial::problem_with(const Fault& fault, bool& met) {
  const ProcessResult r = run(fault);
  met = faults_.met();
  if (!met) return "";
  std::string problem = problem_at_once(fault, r);
  // Where nothing has changed, everything that can be done afterwards was seen undisturbed.
  if (problem.empty() && !workplace_.is_restored()) problem = problem_afterwards();
  if (problem.empty()) return "";
  return command_.name + ", " + text_of(fault) + " (" + faults_.met_by() + "): " + problem +
         (r.err.empty() ? "" : "\n  " + r.err.substr(r.err.size() - std::min<size_t>(r.err.size(), 400)));
}

std::string Trial::problem_at_once(const Fault& fault, const ProcessResult& r) const {
  if (r.timed_out) return "it hangs";
  if (kills(fault)) {
    if (r.signal != SIGKILL && command_.name != "sweep")
      return "it was not killed";  // of a sweep, a run may be
  } else {
    if (r.signal != 0) return "signal " + std::to_string(r.signal);
    if (contains(r.err, "internal error")) return "internal error";
    if (r.exit_code == 0) {
      if (command_.outputs.empty() && r.out != undisturbed_.out) return "another output";
      const std::string differs =
          difference(outputs_of(workplace_.path(), command_.outputs), undisturbed_.outputs);
      const bool says_so = contains(r.err, "not written") || contains(r.err, "checkpoints remain");
      if (!differs.empty() && !says_so) return "exit status 0, but " + differs;
    } else {
      if (harmless(fault)) return "exit status " + std::to_string(r.exit_code) + ", though nothing was lost";
      if (!by_the_book(fault, r)) return "exit status " + std::to_string(r.exit_code);
      if (r.err.empty()) return "no message";
    }
    // What cannot be removed stays until the next process, as does what was replaced if that may not be durable.
    auto left = temporaries_in(workplace_.path());
    std::erase_if(left, [](const std::string& path) { return contains(path, "/.unfinished.old-"); });
    if (!left.empty() && fault.call != Call::remove) return "left behind at once: " + left.front();
  }
  if (command_.run.empty() || workplace_.is_restored()) return "";
  const ProcessResult verified = hewn({"verify", (workplace_.path() / command_.run).string()});
  return verified.exit_code == 0 ? "" : "verify: " + verified.out + verified.err;
}

std::string Trial::problem_afterwards() {
  ProcessResult r;
  faults_.set({});
  for (const Words& words : command_.afterwards) {
    r = hewn(words, {.env = faults_.environment()});
    if (r.exit_code == 0) break;
  }
  if (r.exit_code != 0) return "afterwards: " + r.err;
  const std::string differs =
      difference(outputs_of(workplace_.path(), command_.outputs), undisturbed_.outputs);
  if (!differs.empty()) return "afterwards " + differs;
  const auto left = temporaries_in(workplace_.path());
  return left.empty() ? "" : "left behind: " + left.front();
}

}  // namespace hewn::test
