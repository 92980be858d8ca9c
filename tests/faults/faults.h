#pragma once
// Runs the program with the preloaded library, so that one of its calls fails or its changes are recorded.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/faults/preloaded/control.h"

namespace hewn::test {

using faults::Action;
using faults::Call;

/// One fault: what happens at call `number` (from 1) of a kind.
struct Fault {
  Call call = Call::write;
  int64_t number = 0;
  Action action = Action::nothing;
  int error = 0;  ///< an errno, for Action::fail and Action::keep_failing
};

/// "write 17: ENOSPC", as HEWN_FAULT expects it.
std::string text_of(const Fault& fault);

/// Whether the program can have the library. Otherwise the test is skipped, and says so.
bool can_preload();

/// The file through which the library is told what to do.
class Faults {
 public:
  /// Files below `root` are watched; `control` is the path of a file to create, outside of it. With a
  /// `journal`, changes below the root are appended to this file.
  Faults(const std::filesystem::path& root, const std::filesystem::path& control,
         const std::filesystem::path& journal = {});
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  /// For the next process: sets the fault and the counters to 0.
  void set(const Fault& fault);
  /// From now on, notes which `depth` callers led to each allocation; 0: no more.
  void note_stacks(int depth);
  /// Hashes of them, in the order of the allocations.
  std::vector<uint64_t> stacks() const;
  /// Calls of a kind since then.
  int64_t count(Call call) const;
  /// Whether the fault was met since then, and "fsync of PATH".
  bool met() const;
  std::string met_by() const;

  /// The variables with which a program has the library: it computes on one thread, so that calls have an order.
  std::map<std::string, std::string> environment() const;

 private:
  std::string path_;
  faults::Control* control_ = nullptr;
};

}  // namespace hewn::test
