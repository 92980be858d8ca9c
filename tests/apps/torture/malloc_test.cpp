// Every allocation of a training run fails once: the run ends with status 4 or goes on, and is intact.

#include <filesystem>
#include <set>

#include "tests/apps/small_run.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

std::string library() { return (build_dir() / "tests/fail_malloc.so").string(); }

/// `hewn` with these variables and the library preloaded. GOMP_SPINCOUNT keeps it from executing itself again.
ProcessResult preloaded(std::vector<std::string> arguments, std::map<std::string, std::string> env) {
  env["LD_PRELOAD"] = library();
  env["GOMP_SPINCOUNT"] = "500";
  return hewn(std::move(arguments), {.env = std::move(env)});
}

std::vector<std::string> short_train(const TempDir& dir, const std::string& run) {
  return small_train(dir, {"--out_dir=" + (dir / run).string(), "--max_iters=4", "--eval_interval=2",
                           "--keep=2", "--sample_interval=2"});
}

std::string weights(const TempDir& dir, const std::string& run) {
  const fs::path last = dir / run / "checkpoints/step-000004";
  return read_file(last / "model.safetensors") + read_file(last / "optimizer.safetensors");
}

}  // namespace

TEST_CASE("an allocation that fails before main, while globals are made, ends the program with status 4") {
  if (!sanitizers().empty()) return skip("sanitizers have allocators of their own");
  const TempDir dir;
  const fs::path count = dir / "count";
  REQUIRE(preloaded({"--version"}, {{"HEWN_COUNT_MALLOC", count.string()}}).exit_code == 0);
  const int64_t calls = std::stoll(read_file(count));
  int64_t ended = 0;
  for (int64_t point = 1; point <= calls; point += repeats(5, 1)) {
    const auto r = preloaded({"--version"}, {{"HEWN_FAIL_MALLOC", std::to_string(point)}});
    INFO("allocation " << point << " of " << calls << "\n" << r.err);
    const bool of_openmp = r.exit_code == 1 && contains(r.err, "libgomp: Out of memory");
    CHECK((r.exit_code == 0 || r.exit_code == 4 || of_openmp));
    ended += r.exit_code == 4;
  }
  CHECK(ended > 0);
}

TEST_CASE("no thread has destructors to register, for which the C library aborts if memory lacks") {
  if (!sanitizers().empty()) return skip("sanitizers have threads of their own");
  CHECK((read_file(hewn_program()).find("__cxa_thread_atexit") == std::string::npos));
}

TEST_CASE("whichever allocation fails, a run ends with status 4 or goes on, and is intact") {
  if (!sanitizers().empty()) return skip("sanitizers have allocators of their own");
  if (left_out()) return;
  const TempDir dir;
  const fs::path count = dir / "count";
  REQUIRE(preloaded(short_train(dir, "whole"), {{"HEWN_COUNT_MALLOC", count.string()}}).exit_code == 0);
  const int64_t calls = std::stoll(read_file(count));
  REQUIRE(calls > 1000);
  Random random("allocations");
  std::set<int64_t> points;
  while (std::ssize(points) < repeats(100, sampled() ? 400 : 2000)) points.insert(random.integer(1, calls));
  int64_t ended = 0;
  for (const int64_t point : points) {
    INFO("allocation " << point << " of " << calls);
    fs::remove_all(dir / "run");
    const auto r = preloaded(short_train(dir, "run"), {{"HEWN_FAIL_MALLOC", std::to_string(point)}});
    INFO(r.err);
    const bool of_openmp = r.exit_code == 1 && contains(r.err, "libgomp: Out of memory");
    CHECK((r.exit_code == 0 || r.exit_code == 4 || of_openmp));
    CHECK_FALSE(contains(r.err, "internal error"));
    ended += r.exit_code != 0;
    if (r.exit_code != 0 && !fs::exists(dir / "run/checkpoints/last")) continue;
    if (r.exit_code != 0) {
      const auto resumed = hewn({"train", "--init_from=resume", "--out_dir=" + (dir / "run").string()});
      INFO(resumed.err);
      CHECK(resumed.exit_code == 0);
    }
    CHECK((weights(dir, "run") == weights(dir, "whole")));
    CHECK(hewn({"verify", (dir / "run").string()}).exit_code == 0);
  }
  CHECK(ended < std::ssize(points));
}

}  // namespace hewn::test
