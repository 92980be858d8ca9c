#include "apps/learn/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "core/base/clock.h"
#include "core/base/not_copied.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn::cli::learn {
namespace {

constexpr int status_cannot_start = 127;
constexpr rlim_t most_file_bytes = rlim_t{1} << 30, most_memory_bytes = rlim_t{1} << 31;

/// Whether this process is one that `run_apart` has started: programs that it starts stay in its group, and end with it.
bool is_apart = false;

void set_group(pid_t pid) {
  if (!is_apart) ::setpgid(pid, pid);
}

/// In the new process: as the shell would start it, without a core file, and ended with its parent.
void settle_in(pid_t parent) {
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    std::signal(signal, SIG_DFL);  // sanitizers handle some of these
  if (std::signal(SIGHUP, SIG_DFL) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(status_cannot_start);
  const rlimit no_core{0, 0}, files{most_file_bytes, most_file_bytes};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setrlimit(RLIMIT_FSIZE, &files);
#ifndef HEWN_CHECK_MEMORY  // sanitizers reserve more
  const rlimit memory{most_memory_bytes, most_memory_bytes};
  ::setrlimit(RLIMIT_DATA, &memory);
#endif
}

/// Reads the messages of a process: kind, text, and a zero byte each.
class Messages {
 public:
  explicit Messages(const std::function<void(char, const std::string&)>& receive) : receive_(receive) {}
  void add(const char* bytes, size_t n) {
    pending_.append(bytes, n);
    for (size_t end; (end = pending_.find('\0')) != pending_.npos; pending_.erase(0, end + 1))
      if (end > 0) receive_(pending_[0], pending_.substr(1, end - 1));
  }

 private:
  const std::function<void(char, const std::string&)>& receive_;
  std::string pending_;
};

Ended how_it_ended(int status) {
  if (WIFSIGNALED(status)) return {Ended::How::signalled, WTERMSIG(status)};
  return {Ended::How::exited, WEXITSTATUS(status)};
}

/// Kills a process if it still runs, with the programs that it has started.
class Running : NotCopied {
 public:
  explicit Running(pid_t pid) : pid_(pid) { set_group(pid); }
  ~Running() {
    if (pid_ > 0) end();
  }
  int wait() {
    int status = 0;
    (void)retried(::waitpid, pid_, &status, 0);
    ::kill(-pid_, SIGKILL);  // what it has left behind
    pid_ = -1;
    return status;
  }
  void end() {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    wait();
  }

 private:
  pid_t pid_;
};

/// How long a process may send no message: processor time of its threads together, which does not depend on what else the
/// machine does, and time in all, for one that sleeps. In seconds.
struct Patience {
  double processor, all;
};
constexpr double all_per_processor = 6;
#ifdef HEWN_CHECK_MEMORY
constexpr double slowdown = 4;  // by sanitizers
#else
constexpr double slowdown = 1;
#endif

/// The processor time that the threads of a process have taken, in seconds; 0 if it has ended.
double processor_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Prints some of what a process has printed; returns the number of bytes, 0 at the end, -1 if there is nothing now.
ssize_t pass_on(int output) {
  char block[4096];
  const ssize_t n = retried(::read, output, block, sizeof block);
  if (n > 0) write_result({block, static_cast<size_t>(n)});
  flush_results();
  return n;
}

/// Waits for a process whose end of the pipe is open as long as it lives. Everything that it writes to the other pipe,
/// `output`, unless that is -1, is printed like any result: on a terminal, control characters are made visible.
Ended follow(pid_t pid, int pipe, int output, const std::function<void(char, const std::string&)>& receive,
             const Patience& patience) {
  Running process(pid);
  Messages messages(receive);
  auto heard = Clock::now();
  double taken = 0;  // processor time at the last message
  char block[4096];
  while (true) {
    pollfd readable[] = {{pipe, POLLIN, 0}, {output, POLLIN, 0}};
    (void)::poll(readable, 2, 50);
    if (readable[1].revents != 0 && pass_on(output) == 0) output = -1;
    if (stop_signal() != 0) {
      process.end();
      return {Ended::How::stopped, stop_signal()};
    }
    if (readable[0].revents != 0) {
      const ssize_t n = retried(::read, pipe, block, sizeof block);
      if (n == 0) break;
      if (n > 0) {
        messages.add(block, static_cast<size_t>(n));
        heard = Clock::now();
        taken = processor_seconds(pid);
      }
    }
    if (processor_seconds(pid) - taken > patience.processor || seconds_since(heard) > patience.all) {
      process.end();
      return {Ended::How::silent, 0};
    }
  }
  const Ended ended = how_it_ended(process.wait());
  while (output >= 0 && pass_on(output) > 0) continue;
  return ended;
}

struct Pipe : NotCopied {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0)
      fail(ErrorCode::failed, "cannot create a pipe: ", std::strerror(errno));
  }
  ~Pipe() {
    for (const int end : ends)
      if (end >= 0) ::close(end);
  }
  void close_writing() {
    ::close(ends[1]);
    ends[1] = -1;
  }
};

pid_t start(const std::function<void()>& in_child) {
  flush_results();
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid < 0) fail(ErrorCode::failed, "cannot start a process: ", std::strerror(errno));
  if (pid == 0) {
    set_group(0);
    settle_in(parent);
    in_child();
    ::_exit(status_cannot_start);
  }
  return pid;
}

}  // namespace

Ended run_apart(const std::function<int(const Sender&)>& work,
                const std::function<void(char, const std::string&)>& receive, double seconds) {
  Pipe pipe, output;
  ::fcntl(output.ends[0], F_SETFL, O_NONBLOCK);
  const pid_t pid = start([&] {
    is_apart = true;
    redirect_output(output.ends[1]);
    const Sender send = [&](char kind, const std::string& text) {
      const std::string message = kind + text + '\0';
      write_fully(pipe.ends[1], message.data(), message.size());
    };
    int status = static_cast<int>(ErrorCode::failed);
    try {
      status = work(send);
    } catch (const std::exception& error) {
      send('e', error.what());
    }
    std::fflush(nullptr);
    ::_exit(status);
  });
  pipe.close_writing();
  output.close_writing();
  return follow(pid, pipe.ends[0], output.ends[0], receive,
                {slowdown * seconds, slowdown * all_per_processor * seconds});
}

Ended run_program(const std::vector<std::string>& command, const std::string& output, double seconds) {
  Pipe pipe;
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string directory = fs::path(output).parent_path().string();
  const pid_t pid = start([&] {
    const int nothing = retried(::open, "/dev/null", O_RDONLY),
              file = retried(::open, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(nothing, 0), ::dup2(file, 1), ::dup2(file, 2);
    ::fcntl(pipe.ends[1], F_SETFD, 0);  // stays open as long as the program runs
    ::setenv("LC_ALL", "C", 1);         // messages that can be read by this program
    ::setenv("TMPDIR", directory.c_str(), 1);
    ::execvp(words[0], words.data());
  });
  pipe.close_writing();
  return follow(pid, pipe.ends[0], -1, [](char, const std::string&) {}, {seconds, seconds});
}

}  // namespace hewn::cli::learn
