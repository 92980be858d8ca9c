// How OpenMP's threads wait: read from the environment with which the program runs after it has started.

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Environment = std::map<std::string, std::string>;

/// The program's environment while it trains with these variables, and without all others that concern waiting.
std::string while_training(const Environment& variables) {
  const TempDir dir;
  auto words = small_train(dir, {"--max_iters=100000000", "--eval_interval=100000000", "--warmup_iters=1"});
  words.insert(words.begin(), hewn_program().string());
  ProcessOptions options{.env = variables};
  for (const char* name :
       {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"})
    if (!variables.contains(name)) options.unset_env.emplace_back(name);
  Process process(words, options);
  REQUIRE(process.wait_for("step 5/"));
  return read_file("/proc/" + std::to_string(process.id()) + "/environ");
}

}  // namespace

TEST_CASE("idle threads sleep soon, unless the environment says how they wait") {
  CHECK(contains(while_training({}), "GOMP_SPINCOUNT=500"));
  CHECK(contains(while_training({{"GOMP_SPINCOUNT", "77"}}), "GOMP_SPINCOUNT=77"));
  for (const Environment& variables :
       {Environment{{"OMP_WAIT_POLICY", "active"}}, Environment{{"OMP_PROC_BIND", "true"}}})
    CHECK_FALSE(contains(while_training(variables), "GOMP_SPINCOUNT"));
}

}  // namespace hewn::test
