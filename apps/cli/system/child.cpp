#include "apps/cli/system/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "apps/cli/options.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/descriptor.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The descriptor for a file, or for the one that this process has.
int open_output(const std::string& file, Stream own) {
  if (file.empty()) return static_cast<int>(own);
  const int fd = retried(::open, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) fail_at(ErrorCode::failed, file, "cannot be written", errno);
  return fd;
}

// Gives a signal its default action, unless it is ignored, as with nohup.
void no_handler(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  if (action.sa_handler != SIG_IGN) ::signal(signal, SIG_DFL);
}

}  // namespace

const std::string& own_program() {
  static const std::string path = running_program();
  return path;
}

std::vector<std::string> environment() {
  std::vector<std::string> all;
  for (char** entry = environ; entry && *entry; ++entry) all.emplace_back(*entry);
  return all;
}

std::vector<std::string> environment_without_keys() {
  std::vector<std::string> all = environment();
  std::erase_if(all, [](const std::string& line) {
    if (!line.starts_with("HEWN_")) return false;
    std::string key = line.substr(5, line.find('=') - 5);
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    return !commands_with(key).empty();
  });
  return all;
}

Child::Child(std::vector<std::string> words, std::vector<std::string> environment,
             const ChildOptions& options) {
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(environment);
  const char* const path = options.path.empty() ? argv[0] : options.path.c_str();
  const int out_fd = open_output(options.out, Stream::results),
            err_fd = open_output(options.err, Stream::messages);
  const pid_t parent = ::getpid();
  // A signal that arrives before the new program has started must end it. The handlers of this program would take it
  // and be gone with the call of execve.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_ = ::fork();
  if (pid_ == 0) {  // only async-signal-safe calls from here on
    for (const int signal : {SIGHUP, SIGINT, SIGTERM}) no_handler(signal);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(128 + SIGTERM);  // killed before the call above
    const int nothing = retried(::open, "/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(out_fd, 1);
    ::dup2(err_fd, 2);
    for (const int fd : options.inherits) ::fcntl(fd, F_SETFD, 0);
    ::execve(path, argv.data(), envp.data());
    ::_exit(127);
  }
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!options.out.empty()) ::close(out_fd);
  if (!options.err.empty()) ::close(err_fd);
  if (pid_ < 0) fail(ErrorCode::failed, "cannot start a process: ", std::strerror(error));
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  (void)retried(::waitpid, pid_, nullptr, 0);
}

std::optional<int> Child::ended() {
  int status = 0;
  const pid_t done = ::waitpid(pid_, &status, WNOHANG);
  if (done == 0 || (done < 0 && errno == EINTR)) return std::nullopt;
  pid_ = -1;
  if (done < 0) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Child::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

}  // namespace hewn::cli
