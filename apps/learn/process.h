#pragma once
// Work in a process of its own, which may crash or never end without harm to this one.

#include <functional>
#include <string>

namespace hewn::cli::learn {

/// How the process ended.
struct Ended {
  enum class How : uint8_t {
    exited,     ///< with `status`
    signalled,  ///< by signal `status`
    silent,     ///< killed, as it sent no message for too long
    stopped     ///< killed, as this program was asked to stop
  } how = How::exited;
  int status = 0;
};

/// Sends a message to the parent process.
using Sender = std::function<void(char kind, const std::string& text)>;

/// Runs `work` in a forked process, which ends with the status that it returns, and passes the messages that it sends to
/// `receive` here. Its output is printed by `write_result`. It may use 2 GiB of memory and write files of 1 GiB. The
/// process is killed if it sends no message for `seconds` of its processor time or for 6 times as long by the clock, or
/// if a signal asks this program to stop. Call it before this program has started threads. Throws ErrorCode::failed if
/// no process can be started.
Ended run_apart(const std::function<int(const Sender& send)>& work,
                const std::function<void(char kind, const std::string& text)>& receive, double seconds);

/// The same for another program, which may take `seconds` in all and has messages in English; standard output and standard
/// error are written to the file `output`. Its temporary files are put beside that file, since a program that is killed
/// leaves them behind.
Ended run_program(const std::vector<std::string>& command, const std::string& output, double seconds);

}  // namespace hewn::cli::learn
