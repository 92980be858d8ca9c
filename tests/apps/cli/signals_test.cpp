// Ctrl-C, termination, terminals and pipes while training.

#include <csignal>
#include <filesystem>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

std::vector<std::string> endless(const TempDir& dir) {
  auto arguments =
      small_train(dir, {"--max_iters=100000000", "--eval_interval=100000000", "--warmup_iters=1"});
  arguments.insert(arguments.begin(), hewn_program().string());
  return arguments;
}

}  // namespace

TEST_CASE("Ctrl-C finishes the step, saves and prints how to resume") {
  const TempDir dir;
  Process process(endless(dir));
  REQUIRE(process.wait_for("step 5/"));
  process.send(SIGINT);
  const auto r = process.finish();
  CHECK_FAILS(r, 130, "hewn train --init_from=resume --out_dir=" + (dir / "run").string());
  CHECK(std::filesystem::exists(dir / "run/checkpoints/last/MANIFEST"));
  CHECK(hewn({"verify", (dir / "run").string()}).exit_code == 0);
  Process resumed(
      {hewn_program().string(), "train", "--init_from=resume", "--out_dir=" + (dir / "run").string()});
  CHECK(resumed.wait_for("resume  from "));
  CHECK(resumed.wait_for("loss "));
  resumed.send(SIGTERM);
  CHECK_FAILS(resumed.finish(), 143, "resume with");
}

TEST_CASE("a run in use is refused") {
  const TempDir dir;
  Process process(endless(dir));
  REQUIRE(process.wait_for("step 5/"));
  CHECK_FAILS(hewn(small_resume(dir)), 1, (dir / "run").string());
  process.send(SIGTERM);
  CHECK(process.finish().exit_code == 143);
}

TEST_CASE("progress is redrawn in place on a terminal, and only there") {
  const TempDir dir, other;
  auto arguments = small_train(dir, {"--max_iters=40", "--eval_interval=40"});
  const auto on_terminal = hewn(arguments, {.env = {{"TERM", "xterm"}}, .terminal = true});
  CHECK(on_terminal.exit_code == 0);
  CHECK(contains(on_terminal.out, "\r\x1b[K[########] 40/40  loss "));
  CHECK(contains(on_terminal.out, "left"));
  for (size_t at = 0, end; at < on_terminal.out.size(); at = end + 1) {  // what is redrawn fits into a line
    end = std::min(on_terminal.out.find_first_of("\r\n", at), on_terminal.out.size());
    const std::string line = on_terminal.out.substr(at, end - at);
    if (contains(line, "[K[")) CHECK(line.size() <= 80 + 3);
  }
  const auto piped = hewn(small_train(other, {"--max_iters=40", "--eval_interval=40"}));
  CHECK(piped.err.find_first_of("\r\x1b") == piped.err.npos);
  CHECK(contains(piped.err, "step 5/40  loss "));
  CHECK(contains(piped.err, "save 40"));
  CHECK(contains(piped.err, "tok/s"));
  CHECK(piped.out.empty());
}

TEST_CASE("training prints nothing with --quiet, and one result with --json") {
  const TempDir dir, other;
  const auto quiet = hewn(small_train(dir, {"-q"}));
  CHECK(quiet.exit_code == 0);
  CHECK(quiet.err.empty());
  CHECK(quiet.out.empty());
  const auto json = hewn(small_train(other, {"--json"}));
  CHECK(contains(json.out, "\"best_val_loss\""));
  CHECK(json.out.front() == '{');
}

TEST_CASE("a second Ctrl-C ends immediately") {
  const TempDir dir;
  Process process(endless(dir));
  REQUIRE(process.wait_for("step 5/"));
  process.send(SIGINT);
  process.send(SIGINT);
  CHECK(process.finish().exit_code == 130);
}

TEST_CASE("sampling ends quietly when its reader closes the pipe") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  Process process({hewn_program().string(), "sample", (dir / "run").string(), "--max_new_tokens=100000000"});
  CHECK(process.wait_for("a"));
  process.close_out();
  const auto r = process.finish();
  CHECK(r.exit_code == 0);
  CHECK(r.err.empty());
}

}  // namespace hewn::test
