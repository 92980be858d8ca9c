#include "apps/commands/sweep/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "apps/cli/options.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

// The path of this program, resolved once: the link changes if the file is replaced.
const std::string& own_path() {
  static const std::string path = std::filesystem::read_symlink("/proc/self/exe").string();
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
  if (fd < 0) fail(ErrorCode::failed, file, ": cannot be written: ", std::strerror(errno));
  return fd;
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
  std::vector<std::string> words = arguments, variables = plain_environment();
  words.insert(words.begin(), own_path());
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(variables);
  const char* const path = own_path().c_str();
  const int out_fd = open_output(out), err_fd = open_output(err);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {  // only async-signal-safe calls from here on
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
