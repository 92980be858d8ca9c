#include "apps/commands/sweep/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "apps/cli/options.h"
#include "core/error.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace {

// The path of this program, resolved once: the link changes if the file is replaced.
const std::string& own_path() {
  static const std::string path = running_program();
  return path;
}

// The environment without variables that are keys of some command.
std::vector<std::string> plain_environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string line = *entry;
    std::string key = line.substr(0, line.find('='));
    const bool ours = key.starts_with("HEWN_");
    key.erase(0, ours ? 5 : 0);
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!ours || commands_with(key).empty()) kept.push_back(line);
  }
  return kept;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

int open_output(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
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

Child::Child(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
  std::vector<std::string> words = arguments, variables = plain_environment();
  words.insert(words.begin(), own_path());
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(variables);
  const char* const path = own_path().c_str();
  const int out_fd = open_output(out), err_fd = open_output(err);
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
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(out_fd, 1);
    ::dup2(err_fd, 2);
    ::execve(path, argv.data(), envp.data());
    ::_exit(127);
  }
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(out_fd);
  ::close(err_fd);
  if (pid_ < 0) fail(ErrorCode::failed, "cannot start a process: ", std::strerror(error));
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
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
