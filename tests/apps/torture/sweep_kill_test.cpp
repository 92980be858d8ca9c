// A sweep that is killed, interrupted or loses runs goes on to the results of one that nothing disturbed.

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "tests/apps/sweep/sweep.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// 12 runs: two sizes, two rates of dropout, three seeds.
std::vector<std::string> twelve_runs(const TempDir& dir, const std::string& sweep) {
  auto arguments =
      small_sweep(dir, {"--grid=n_layer=1,2", "--grid=dropout=0,0.25", "--seeds=3", "--at_once=2",
                        "--threads=2", "--max_iters=40", "--eval_interval=4", "--keep=2"});
  arguments.insert(arguments.begin(), hewn_program().string());
  for (std::string& word : arguments)
    if (word.starts_with("--out_dir=")) word = "--out_dir=" + (dir / sweep).string();
  return arguments;
}

/// The processes that a process has started.
std::vector<pid_t> children_of(pid_t parent) {
  const std::string number = std::to_string(parent);
  std::ifstream in("/proc/" + number + "/task/" + number + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; in >> child;) children.push_back(child);
  return children;
}

void check_same_sweep(const TempDir& dir, const std::string& sweep) {
  const auto results = timeless_results(dir / sweep);
  CHECK(results.size() == 12);
  CHECK(results == timeless_results(dir / "whole"));
  for (const auto& run : fs::directory_iterator(dir / "whole/runs")) {
    const std::string name = run.path().filename().string();
    INFO(name);
    const fs::path same = dir / sweep / "runs" / name;
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      CHECK((read_file(same / "checkpoints/step-000040" / file) ==
             read_file(run.path() / "checkpoints/step-000040" / file)));
    CHECK(fs::read_symlink(same / "checkpoints/best") == fs::read_symlink(run.path() / "checkpoints/best"));
  }
  CHECK(std::distance(fs::directory_iterator(dir / sweep / "runs"), {}) == 12);
}

/// Calls a sweep until it is done. The first ten calls are killed, if they have not ended within random times of up to
/// `most` seconds: while runs train, or sometimes while the sweep is planned. Returns how many were.
int killed_until_done(const std::vector<std::string>& arguments, double most, Random& random) {
  int kills = 0;
  for (int calls = 0;; ++calls) {
    REQUIRE(calls < 100);
    Process process(arguments, {.timeout = 300});
    if (kills < 10) {
      if (random.integer(0, 3) > 0) REQUIRE(process.wait_for("start   "));
      std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0, most)));
      // Sometimes the runs are killed, too; otherwise they save when they find the sweep gone.
      if (random.integer(0, 1) == 0)
        for (const pid_t child : children_of(process.id())) kill(child, SIGKILL);
      process.send(SIGKILL);
    }
    const ProcessResult r = process.finish();
    INFO("call " << calls << ", after " << kills << " kills:\n" << r.err);
    REQUIRE((r.signal == SIGKILL || r.exit_code == 0 || r.exit_code == 1));  // 1: only its run was killed
    if (r.exit_code == 0) return kills;
    ++kills;
  }
}

}  // namespace

TEST_CASE("a sweep of 12 runs killed ten times ends with the results of one that was not") {
  if (left_out()) return;
  const TempDir dir;
  const auto start = std::chrono::steady_clock::now();
  const ProcessResult whole = run_program(twelve_runs(dir, "whole"), {.timeout = 300});
  INFO(whole.err);
  REQUIRE(whole.exit_code == 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  Random random("sweep kills");
  for (int sweep = 1; sweep <= repeats(1, 10); ++sweep) {
    const std::string name = "sweep-" + std::to_string(sweep);
    // Mostly so early that ten calls are not enough for it; otherwise again, with half the time.
    int kills = 0;
    for (double most = seconds / 24; kills < 10; most /= 2) {
      fs::remove_all(dir / name);
      kills = killed_until_done(twelve_runs(dir, name), most, random);
      check_same_sweep(dir, name);
    }
    fs::remove_all(dir / name);
  }
}

TEST_CASE("a sweep ends when it is told to before its run has become a program of its own") {
  if (!sanitizers().empty()) return skip("sanitizers have an execve of their own");
  const TempDir dir;
  auto arguments =
      small_sweep(dir, {"--seeds=2", "--at_once=1", "--max_iters=100000000", "--lr_decay_iters=40"});
  arguments.insert(arguments.begin(), hewn_program().string());
  const std::string library = (build_dir() / "tests/slow_exec.so").string();
  Process process(arguments, {.env = {{"LD_PRELOAD", library}}, .timeout = 60});
  REQUIRE(process.wait_for("start   "));
  process.send(SIGTERM);
  const ProcessResult r = process.finish();
  INFO(r.err);
  CHECK_FALSE(r.timed_out);
  CHECK(r.exit_code == 143);
}

TEST_CASE("an interrupted sweep saves its runs and goes on, and a killed run harms no other") {
  if (left_out()) return;
  const TempDir dir;
  const ProcessResult whole = run_program(twelve_runs(dir, "whole"), {.timeout = 300});
  REQUIRE(whole.exit_code == 0);
  {
    Process process(twelve_runs(dir, "sweep"), {.timeout = 300});
    REQUIRE(process.wait_for("start   n_layer=1,dropout=0.25"));
    process.send(SIGINT);
    const ProcessResult r = process.finish();
    INFO(r.err);
    CHECK(r.exit_code == 130);
    CHECK(contains(r.err, "of 12 runs finished"));
    CHECK(contains(r.err, "continue with: "));
    for (const auto& run : fs::directory_iterator(dir / "sweep/runs")) {
      if (!fs::exists(run.path() / "config.toml"))
        continue;  // stopped while it started: as if it had not begun
      const ProcessResult verified = hewn({"verify", run.path().string()});
      INFO(verified.err << verified.out);
      // One that is stopped in its first evaluation has nothing to save.
      CHECK((verified.exit_code == 0 || contains(verified.err, "ended before its first checkpoint")));
    }
  }
  {
    Process process(
        {hewn_program().string(), "sweep", "--out_dir=" + (dir / "sweep").string(), "--at_once=2"},
        {.timeout = 300});
    std::vector<pid_t> running;
    for (int i = 0; i < 1000 && running.empty(); ++i) {
      running = children_of(process.id());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    REQUIRE(!running.empty());
    kill(running[0], SIGKILL);
    const ProcessResult r = process.finish();
    INFO(r.err);
    if (r.exit_code == 0) skip("a killed run: it had ended before the signal arrived");
    if (r.exit_code != 0) {
      CHECK(r.exit_code == 1);
      CHECK(contains(r.err, "signal 9"));
      CHECK(contains(r.err, "1 of 12 runs failed"));
      CHECK(timeless_results(dir / "sweep").size() == 11);
    }
  }
  CHECK(hewn({"sweep", "--out_dir=" + (dir / "sweep").string()}, {.timeout = 300}).exit_code == 0);
  check_same_sweep(dir, "sweep");
}

}  // namespace hewn::test
