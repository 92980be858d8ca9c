#pragma once
// The counts of a test program; main writes them for scripts/test.sh.

#include <string>

namespace hewn::test {

struct Tally {
  std::string running_test;
  bool skip_running_test = false;
  int passed = 0, failed = 0, skipped = 0;
};

/// The tally of this process.
Tally& tally();

}  // namespace hewn::test
