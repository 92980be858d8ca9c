#pragma once
// Running programs: with pipes, or in a pseudo-terminal as a person would.

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace hewn::test {

struct ProcessOptions {
  std::string input = {};                       ///< given on stdin, then end of file (a terminal stays open)
  std::map<std::string, std::string> env = {};  ///< added to the environment
  std::vector<std::string> unset_env = {};      ///< removed from it
  std::string directory = {};                   ///< working directory, if not this one
  int user = -1;                                ///< runs as this user, if this process is root
  double timeout = 300;  ///< seconds until SIGKILL; long enough for the slowest machine and for sanitizers
  bool terminal = false;  ///< stdin, stdout and stderr are one 80x24 pseudo-terminal, read as `out`
};

struct ProcessResult {
  int exit_code = -1;  ///< -1 if a signal ended it
  int signal = 0;
  bool timed_out = false;
  std::string out, err;  ///< after a timeout, `err` ends with a line that reports it
};

/// A running program. The destructor kills it if it still runs.
class Process {
 public:
  /// Starts `argv[0]` (looked up in PATH). A program that cannot be started exits 127.
  explicit Process(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Reads until `text` appears on stdout or stderr; false if the program ends or `seconds` pass first.
  bool wait_for(const std::string& text, double seconds = 30);
  /// Discards the output read so far: it is neither searched nor returned again.
  void forget();
  /// Types into the terminal or the pipe.
  void type(const std::string& text);
  void send(int signal) const;
  pid_t id() const { return pid_; }
  /// Closes our end of stdout, as `head` does with a pipe.
  void close_out();
  /// Waits for the end (SIGKILL after the timeout) and returns everything.
  ProcessResult finish();

 private:
  bool read_some(double seconds);
  void drop(int& fd);

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  double deadline_ = 0;
  ProcessResult result_;
};

/// Starts a program and waits for its end.
ProcessResult run_program(const std::vector<std::string>& argv, const ProcessOptions& options = {});

}  // namespace hewn::test
