// The main of every test program: prints the seed, leaves out [slow] tests unless HEWN_SLOW=1, and appends
// "passed failed skipped" (counted in test cases) to the file HEWN_TEST_TALLY names, for scripts/test.sh to add
// up.

#define CATCH_CONFIG_RUNNER
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "tests/support/tally.h"

namespace hewn::test {

Tally& tally() {
  static Tally counts;
  return counts;
}

namespace {

#if CATCH_VERSION_MAJOR >= 3
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

class Counter : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    tally().running_test = test.name;
    tally().skip_running_test = false;
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const bool empty = stats.totals.assertions.total() == 0;
    if (stats.totals.testCases.failed > 0)
      ++tally().failed;
    else if (tally().skip_running_test && empty)
      ++tally().skipped;
    else
      ++tally().passed;
  }
};

CATCH_REGISTER_LISTENER(Counter)

// Until the end has been reached the file says that one test failed: what a crash leaves behind.
void write_tally(int passed, int failed, int skipped) {
  if (const char* directory = std::getenv("HEWN_TEST_TALLY")) {
    std::ofstream(std::string(directory) + "/" + std::to_string(getpid()))
        << passed << ' ' << failed << ' ' << skipped << '\n';
  }
}

int run(int argc, char** argv) {
  Catch::Session session;
  if (const int wrong = session.applyCommandLine(argc, argv)) return wrong;
  auto& config = session.configData();
  if (config.testsOrTags.empty() && !full()) config.testsOrTags.push_back("~[slow]~[.]");
  std::cerr << "random inputs: HEWN_TEST_SEED=" << run_seed() << std::endl;
  write_tally(0, 1, 0);
  const int result = session.run();
  write_tally(tally().passed, tally().failed, tally().skipped);
  return result;
}

}  // namespace
}  // namespace hewn::test

int main(int argc, char** argv) {
  // Tests that start cmake build as this build does: cmake's default, make, may be missing.
  setenv("CMAKE_GENERATOR", HEWN_GENERATOR, 0);
  return hewn::test::run(argc, argv);
}
