// Processes that train together, of which one is killed or stopped at any moment.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/apps/ranks/train_on.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr double rank_timeout = 5;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool any_left(const TempDir& dir, int ranks) {
  for (int rank = 0; rank < ranks; ++rank)
    if (process_of(dir, rank) >= 0) return true;
  return false;
}

/// Trains, or goes on, with this many processes, and hurts one of them after at most `within` seconds. Returns the exit
/// code: 1 if one was hurt, and 0 if the run was completed all the same.
int train_and_hurt(const TempDir& dir, int ranks, const std::vector<std::string>& steps, double within,
                   Random& random) {
  std::vector<std::string> words = train_on(dir, ranks, steps);
  if (fs::exists(dir / "run/config.toml")) {
    words = small_resume(dir, {"--ranks=" + std::to_string(ranks)});
    words.push_back("--rank_timeout=" + std::to_string(rank_timeout));
  }
  Process run(with({hewn_program().string()}, words), {.timeout = 120});
  std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0, within)));
  const int victim = static_cast<int>(random.integer(0, ranks - 1));
  const pid_t process = process_of(dir, victim);
  const bool stops = random.integer(0, 9) == 0;
  const auto begin = Clock::now();
  const bool hurt = process >= 0 && ::kill(process, stops ? SIGSTOP : SIGKILL) == 0;
  const ProcessResult r = run.finish();
  INFO(ranks << " ranks, " << (stops ? "stopped" : "killed") << " rank " << victim << ": " << r.err);
  CHECK(!r.timed_out);
  CHECK((r.exit_code == 0 || (hurt && r.exit_code == 1)));
  // The ranks end within the time; the launcher adds some.
  if (hurt) CHECK(seconds_since(begin) < rank_timeout + 20);
  CHECK(!any_left(dir, ranks));
  return r.exit_code;
}

}  // namespace

TEST_CASE("processes of which any is killed or stopped end in time, and the run ends with the bits of one") {
  if (left_out()) return;
  const std::vector<std::string> steps{"--max_iters=400", "--eval_interval=20", "--eval_iters=1", "--keep=2",
                                       "--rank_timeout=" + std::to_string(rank_timeout)};
  const TempDir alone, together;
  REQUIRE(hewn(train_on(alone, 1, steps)).exit_code == 0);
  const auto begin = Clock::now();
  REQUIRE(hewn(train_on(together, 4, steps)).exit_code == 0);
  const double lasts = seconds_since(begin);
  Random random("rank kills");
  const int wanted = repeats(3, 100);
  for (int hurt = 0; hurt < wanted;) {
    const TempDir dir;
    int code = 1;
    for (int calls = 0; calls < 20 && hurt < wanted && code == 1; ++calls, hurt += code)
      code = train_and_hurt(dir, random.integer(0, 1) == 0 ? 2 : 4, steps, lasts, random);
    if (fs::exists(dir / "run/config.toml")) {
      const ProcessResult last = hewn(small_resume(dir));
      INFO(last.err);
      CHECK(last.exit_code == 0);
      CHECK((last_bits(dir / "run") == last_bits(alone / "run")));
    }
  }
}

}  // namespace hewn::test
