#pragma once
// Runs work in a separate process, which may crash or hang without harming this one.

#include <functional>
#include <string>

namespace hewn::cli::learn {

/// The end of a process.
struct Ended {
  enum class How : uint8_t {
    exited,     ///< with `status`
    signalled,  ///< by signal `status`
    silent,     ///< killed because it sent no message for too long
    stopped     ///< killed because this program was asked to stop
  } how = How::exited;
  int status = 0;
};

/// Sends a message to the parent process.
using Sender = std::function<void(char kind, const std::string& text)>;

/// Runs `work` in a forked process, whose exit status is the return value, and passes the messages it sends
/// to `receive` in this process. Its output is printed by `write_result`. It may use 2 GiB of memory and
/// write files of 1 GiB. It is killed if it sends no message for `seconds` of its processor time or 6 times
/// as long by the clock, or if a signal asks this program to stop. Call it before this program has started
/// threads. Throws ErrorCode::failed if no process can be started.
Ended run_apart(const std::function<int(const Sender& send)>& work,
                const std::function<void(char kind, const std::string& text)>& receive, double seconds);

/// The same for another program, which may take `seconds` in total and prints messages in English; standard
/// output and standard error go to the file `output`. Its temporary files are created next to that file,
/// since a killed program leaves them behind.
Ended run_program(const std::vector<std::string>& command, const std::string& output, double seconds);

}  // namespace hewn::cli::learn
