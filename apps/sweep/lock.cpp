#include "apps/sweep/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <limits>
#include <thread>

#include "apps/cli/settings.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace {

constexpr std::chrono::minutes longest_wait{10};

// The process that wrote its number into the lock file, if it still runs; otherwise 0.
pid_t running_holder(const std::string& file) {
  int64_t number = 0;
  std::string text = read_small_file(file, 64);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!parse_integer(text, number) || number <= 0 || number > std::numeric_limits<pid_t>::max()) return 0;
  const auto pid = static_cast<pid_t>(number);
  return ::kill(pid, 0) == 0 || errno == EPERM ? pid : 0;
}

}  // namespace

SweepLock::SweepLock(const std::string& directory) {
  make_directories(directory);
  const std::string file = directory + "/.lock";
  lock_ = Descriptor(retried(::open, file.c_str(), O_RDWR | O_CREAT, 0666));  // inherited by the runs
  if (!lock_.is_open()) fail_at(ErrorCode::failed, file, "cannot be opened", errno);
  const auto start = Clock::now();
  for (bool said = false; retried(::flock, lock_.get(), LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK) fail_at(ErrorCode::failed, file, "cannot be locked", errno);
    const auto waited = Clock::now() - start;
    if (const pid_t holder = running_holder(file))
      fail(ErrorCode::failed, "the sweep in ", directory, " is in use by process ", holder,
           "; wait for it to end, or choose another --out_dir");
    if (waited > longest_wait || stop_signal() != 0)
      fail(ErrorCode::failed, "runs of an earlier sweep in ", directory,
           " are still training; end them or wait, then start the sweep again");
    if (waited > std::chrono::seconds(1) && !said) {
      say("wait    for the runs of an earlier sweep in ", directory, " to save and end");
      said = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  const int problem =
      retried(::ftruncate, lock_.get(), 0) != 0 ? errno : write_fully(lock_.get(), text.data(), text.size());
  if (problem) fail_at(ErrorCode::failed, file, "cannot be written", problem);
}

}  // namespace hewn::cli
