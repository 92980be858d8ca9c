#pragma once
// One fault in one command, and whether everything is as it should be afterwards.

#include <string>

#include "tests/faults/commands.h"
#include "tests/faults/faults.h"
#include "tests/faults/tree.h"
#include "tests/support/process.h"

namespace hewn::test {

/// A command as it goes undisturbed.
struct Undisturbed {
  std::string out;  ///< on standard output
  Outputs outputs;
  int64_t counts[faults::n_calls] = {};
  std::vector<uint64_t> stacks;  ///< of each allocation
};

/// Runs a command with faults. The workplace is restored before each.
class Trial {
 public:
  Trial(const Workplace& workplace, const TriedCommand& command);

  const Undisturbed& undisturbed() const { return undisturbed_; }
  /// "" if the program did as it should, else what it did. `met` tells whether the fault happened at all: the number of
  /// allocations may differ a little from run to run.
  std::string problem_with(const Fault& fault, bool& met);

 private:
  ProcessResult run(const Fault& fault);
  std::string problem_at_once(const Fault& fault, const ProcessResult& r) const;
  std::string problem_afterwards();

  const Workplace& workplace_;
  const TriedCommand& command_;
  Faults faults_;
  Undisturbed undisturbed_;
};

}  // namespace hewn::test
