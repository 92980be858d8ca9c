#pragma once
// Child processes.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/not_copied.h"

namespace hewn::cli {

/// The path of this program, for running it again; resolved once, since the link changes if the file is
/// replaced.
const std::string& own_program();
/// The environment of this process.
std::vector<std::string> environment();
/// The same without the variables `HEWN_*` that are keys of commands.
std::vector<std::string> environment_without_keys();

/// Options for starting a program.
struct ChildOptions {
  std::string out = {}, err = {};  ///< files for standard output and messages; "": those of this process
  std::string path = {};           ///< path of the program; "": its first word
  std::vector<int> inherits = {};  ///< descriptors beyond 2 that stay open in it, with the same numbers
};

/// A running program. It has its own process group, so that Ctrl-C on the terminal reaches only the parent,
/// which passes it on. If the parent is killed, it receives SIGTERM, upon which it saves and ends.
class Child : NotCopied {
 public:
  /// Starts a program, called words[0], with the other words as arguments. Throws ErrorCode::failed.
  Child(std::vector<std::string> words, std::vector<std::string> environment,
        const ChildOptions& options = {});
  /// Kills it if it still runs.
  ~Child();

  /// The status if it has ended, as a shell reports it: 128 + N after signal N. Does not wait.
  std::optional<int> ended();
  void send(int signal) const;

 private:
  pid_t pid_ = -1;
};

}  // namespace hewn::cli
