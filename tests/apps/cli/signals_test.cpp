// Ctrl-C, termination, terminals and pipes while training.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

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

TEST_CASE("a lost connection ends training like Ctrl-C, saved") {
  const TempDir dir;
  Process process(endless(dir));
  REQUIRE(process.wait_for("step 5/"));
  process.send(SIGHUP);
  CHECK_FAILS(process.finish(), 129, "resume with: ");
  CHECK(std::filesystem::exists(dir / "run/checkpoints/last/MANIFEST"));
}

TEST_CASE("signals that are ignored from the start stay ignored") {
  const TempDir dir;
  std::string call = "trap '' HUP INT; exec";  // nohup, and a job in the background of a script
  for (const std::string& word : endless(dir)) call += " '" + word + "'";
  Process process({"sh", "-c", call});
  REQUIRE(process.wait_for("step 5/"));
  process.forget();
  process.send(SIGHUP);
  process.send(SIGINT);
  process.send(SIGINT);
  CHECK(process.wait_for("step "));
  process.forget();
  CHECK(process.wait_for("step "));
  process.send(SIGTERM);
  CHECK_FAILS(process.finish(), 143, "resume with: ");
}

TEST_CASE("Ctrl-C is heard during a validation") {
  const TempDir dir;
  auto arguments = small_train(dir, {"--eval_iters=1000000000"});
  arguments.insert(arguments.begin(), hewn_program().string());
  Process process(arguments, {.timeout = 30});
  REQUIRE(process.wait_for("device  "));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  process.send(SIGINT);
  CHECK_FAILS(process.finish(), 130, "stopped after step 0");
}

TEST_CASE("Ctrl-C ends a verification in order, without its temporary files") {
  const TempDir dir, temporary;
  auto arguments = small_train(dir, {"--max_iters=1000000", "--eval_interval=100000000", "--resume"});
  arguments[0] = "verify";
  std::erase_if(arguments,
                [](const std::string& a) { return a.starts_with("--out_dir") || a.starts_with("--log"); });
  arguments.insert(arguments.begin(), hewn_program().string());
  Process process(arguments, {.env = {{"TMPDIR", temporary.path().string()}}});
  const auto wait_for = [](const auto& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(condition());
  };
  namespace fs = std::filesystem;
  wait_for([&] { return !fs::is_empty(temporary.path()); });
  const fs::path directory = fs::directory_iterator(temporary.path())->path();
  CHECK_FALSE(directory.filename() ==
              "hewn-verify-" + std::to_string(process.id()));  // a name that can be predicted
  CHECK((fs::status(directory).permissions() & fs::perms::all) == fs::perms::owner_all);
  wait_for([&] { return fs::exists(directory / "whole"); });
  process.send(SIGINT);
  const auto r = process.finish();
  INFO(r.err);
  CHECK(r.exit_code == 130);
  CHECK(fs::is_empty(temporary.path()));
}

TEST_CASE("nothing is redrawn on a terminal that cannot clear a line, or without colour") {
  for (const auto& [term, color] : {std::pair{"dumb", "auto"}, {"xterm", "never"}}) {
    const TempDir dir;
    const auto r = hewn(small_train(dir, {"--color=" + std::string(color)}),
                        {.env = {{"TERM", term}}, .terminal = true});
    CHECK(r.exit_code == 0);
    CHECK(r.out.find('\x1b') == r.out.npos);
    CHECK(contains(r.out, "step 5/20  loss "));
  }
}

}  // namespace hewn::test
