// A run that is read while a training saves and removes its checkpoints.

#include <csignal>

#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("what reads a run is never in the way of a training, nor disturbed by it") {
  const TempDir dir;
  std::vector<std::string> arguments =
      small_train(dir, {"--max_iters=100000000", "--lr_decay_iters=40", "--eval_interval=1",
                        "--log_interval=1000", "--keep=1", "--always_save_checkpoint"});
  arguments.insert(arguments.begin(), hewn_program().string());
  Process training(arguments, {.timeout = 3000});
  REQUIRE(training.wait_for("saved"));
  const std::string run = (dir / "run").string();
  int calls = 0;
  for (int repeat = 0; repeat < repeats(6, sampled() ? 40 : 150); ++repeat)
    for (const std::vector<std::string>& reader : {std::vector<std::string>{"eval", run},
                                                   {"sample", run, "--max_new_tokens=3"},
                                                   {"info", run},
                                                   {"verify", run}}) {
      const ProcessResult r = hewn(reader);
      INFO(reader[0] << ", call " << ++calls << ": " << r.out << r.err);
      CHECK(r.exit_code == 0);
    }
  training.send(SIGTERM);
  CHECK(training.finish().exit_code == 143);
  CHECK(hewn({"verify", run}).exit_code == 0);
}

}  // namespace hewn::test
