#include "tests/support/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace hewn::test {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read = ends[0], write = ends[1];
  }
};

[[noreturn]] void become(const std::vector<std::string>& argv, const ProcessOptions& options) {
  // The tests may run under nohup, or in the background of a script.
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE}) std::signal(signal, SIG_DFL);
  for (const auto& [name, value] : options.env) setenv(name.c_str(), value.c_str(), 1);
  for (const auto& name : options.unset_env) unsetenv(name.c_str());
  if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
  // Groups first: another user may not change them.
  const auto user = static_cast<uid_t>(options.user);
  const bool another = options.user >= 0 && geteuid() == 0;
  if (another && (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0)) _exit(126);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  _exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  deadline_ = now() + options.timeout;
  if (options.terminal) {
    winsize size{24, 80, 0, 0};
    int master = -1;
    pid_ = forkpty(&master, nullptr, nullptr, &size);
    if (pid_ < 0) throw std::runtime_error("no pseudo-terminal");
    if (pid_ == 0) {
      become(argv, options);
    }
    fcntl(master, F_SETFD, FD_CLOEXEC);
    out_ = master;
    in_ = fcntl(master, F_DUPFD_CLOEXEC, 0);
    type(options.input);
    return;
  }
  const Pipe in, out, err;
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    dup2(in.read, 0);
    dup2(out.write, 1);
    dup2(err.write, 2);
    become(argv, options);
  }
  close(in.read), close(out.write), close(err.write);
  in_ = in.write, out_ = out.read, err_ = err.read;
  type(options.input);
  drop(in_);
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  drop(in_), drop(out_), drop(err_);
}

void Process::drop(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

void Process::close_out() { drop(out_); }

void Process::send(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

// Output is read in between, so that a program that answers while it is fed cannot block both sides.
void Process::type(const std::string& text) {
  if (in_ < 0) return;
  fcntl(in_, F_SETFL, fcntl(in_, F_GETFL) | O_NONBLOCK);
  for (size_t done = 0; done < text.size() && now() < deadline_;) {
    const ssize_t n = write(in_, text.data() + done, text.size() - done);
    if (n >= 0)
      done += static_cast<size_t>(n);
    else if (errno == EAGAIN)
      read_some(0.01);
    else
      return;
  }
}

// Appends what arrives within `seconds`; false once both outputs have ended.
bool Process::read_some(double seconds) {
  std::array<pollfd, 2> files{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  if (out_ < 0 && err_ < 0) return false;
  if (poll(files.data(), files.size(), static_cast<int>(seconds * 1000) + 1) <= 0) return true;
  std::array<char, 65536> buffer;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].fd < 0 || files[i].revents == 0) continue;
    const ssize_t n = read(files[i].fd, buffer.data(), buffer.size());
    if (n > 0)
      (i == 0 ? result_.out : result_.err).append(buffer.data(), static_cast<size_t>(n));
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))  // a closed terminal reads EIO
      drop(i == 0 ? out_ : err_);
  }
  return out_ >= 0 || err_ >= 0;
}

bool Process::wait_for(const std::string& text, double seconds) {
  const double end = std::min(now() + seconds, deadline_);
  const auto seen = [&] {
    return result_.out.find(text) != std::string::npos || result_.err.find(text) != std::string::npos;
  };
  while (!seen() && now() < end && read_some(0.05)) {
  }
  return seen();
}

void Process::forget() {
  result_.out.clear();
  result_.err.clear();
}

ProcessResult Process::finish() {
  int status = 0;
  bool ended = false;
  while (pid_ > 0 && !ended) {
    const bool open = read_some(0.05);
    ended = waitpid(pid_, &status, WNOHANG) == pid_;
    if (ended) break;
    if (now() >= deadline_ && !result_.timed_out) {
      result_.timed_out = true;
      kill(pid_, SIGKILL);
    }
    if (!open) usleep(2000);
  }
  pid_ = -1;
  const double end = now() + 0.5;  // what is still in the pipes; a grandchild may hold them open for ever
  while (now() < end && read_some(0.05)) {
  }
  if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  if (result_.timed_out) result_.err += "\nkilled: it did not end in time\n";
  return result_;
}

ProcessResult run_program(const std::vector<std::string>& argv, const ProcessOptions& options) {
  return Process(argv, options).finish();
}

}  // namespace hewn::test
