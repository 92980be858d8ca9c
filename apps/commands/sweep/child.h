#pragma once
// Programs that the sweep runs.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace hewn::cli {

/// A running `hewn`. It is in a process group of its own, so that a Ctrl-C of the terminal reaches only the
/// sweep, which passes it on; and it receives SIGTERM, upon which it saves and ends, when the sweep is killed.
class Child {
 public:
  /// Starts this program with these arguments, without the `HEWN_*` keys of the environment, which are among the
  /// arguments already. Standard output goes to the file `out`, messages to `err`. Throws ErrorCode::failed.
  Child(const std::vector<std::string>& arguments, const std::string& out, const std::string& err);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills it if it still runs.
  ~Child();

  /// The status if it has ended, as a shell reports it: 128 + N after signal N. Does not wait.
  std::optional<int> ended();
  void send(int signal) const;

 private:
  pid_t pid_ = -1;
};

}  // namespace hewn::cli
