// hewn eval by several processes.

#include "tests/apps/ranks/train_on.h"

namespace hewn::test {

TEST_CASE("eval by several processes prints what one prints", "[ranks]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  const auto eval = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", run, "--json"});
    return hewn(more);
  };
  const ProcessResult alone = eval({"--stride=1"});
  REQUIRE(alone.exit_code == 0);
  for (const char* number : {"2", "4"}) {
    const ProcessResult several = eval({"--stride=1", std::string("--ranks=") + number});
    INFO(several.err);
    CHECK(several.exit_code == 0);
    CHECK(several.out == alone.out);
  }
}

TEST_CASE("eval by several processes refuses what one process does", "[ranks]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn({"eval", run, "--ranks=3"}), 2, "expected a power of two, such as 2");
  CHECK_FAILS(hewn({"eval", run, "--ranks=2", "--per_token"}), 2, "per_token works in one process only");
  CHECK_FAILS(hewn({"eval", run, "--ranks=2", "--against=" + run}), 2, "against works in one process only");
  CHECK_FAILS(hewn({"eval", run, "--hosts=nowhere"}), 2, "give their number as --ranks=N");
  CHECK_FAILS(hewn({"eval", run, "--ranks=2", "--tasks=" + run}), 2, "runs in one process");
  CHECK_FAILS(hewn({"eval", run, "--tasks=" + run}, {.env = {{"OMPI_COMM_WORLD_SIZE", "2"}}}), 2,
              "leave out ranks, mpirun and srun");
  CHECK_FAILS(hewn({"eval", (dir / "none").string(), "--ranks=2"}), 3, "none");
}

}  // namespace hewn::test
