// Training with several processes, started through MPI.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/apps/ranks/train_on.h"

namespace hewn::test {

namespace fs = std::filesystem;

TEST_CASE("1, 2 and 4 processes write the same checkpoint, and go on with each other's", "[ranks]") {
  if (!has_mpi()) return;
  const TempDir alone;
  const ProcessResult whole = hewn(train_on(alone, 1));
  REQUIRE(whole.exit_code == 0);
  for (const int ranks : {2, 4}) {
    const TempDir dir;
    const ProcessResult r = hewn(train_on(dir, ranks, {"--max_iters=10", "--lr_decay_iters=20"}));
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    CHECK(contains(r.err, "rank " + std::to_string(ranks - 1)));
    CHECK(!contains(r.err, "rank " + std::to_string(ranks)));
    // Another number of processes goes on.
    const ProcessResult next =
        hewn(small_resume(dir, ranks == 2 ? std::vector<std::string>{"--max_iters=20", "--ranks=4"}
                                          : std::vector<std::string>{"--max_iters=20"}));
    INFO(next.err);
    REQUIRE(next.exit_code == 0);
    CHECK((last_bits(dir / "run") == last_bits(alone / "run")));
  }
}

TEST_CASE("gradients that the library adds train as well, and the run says so", "[ranks]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  const TempDir dir, alone;
  REQUIRE(hewn(train_on(alone, 1)).exit_code == 0);
  for (const int ranks : {2, 4}) {
    const ProcessResult r = hewn(train_on(dir, ranks, {"--reduce=library", "--force"}));
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    CHECK(contains(r.err, "the bits depend on it and on the number of ranks"));
    CHECK(contains(read_file(dir / "run/config.toml"), "reduce = \"library\""));
    const auto loss = [](const TempDir& of) {
      const std::string lines = read_file(of / "run/metrics.jsonl");
      return nlohmann::json::parse(lines.substr(lines.rfind('\n', lines.size() - 2) + 1))["val_loss"]
          .get<double>();
    };
    CHECK(loss(dir) == Approx(loss(alone)).epsilon(1e-4));
  }
  CHECK_FAILS(hewn(train_on(dir, 2, {"--reduce=library", "--dtype=f64", "--force"})), 2,
              "give reduce = exact");
  CHECK_FAILS(hewn({"verify", "--ranks=1,2", "--reduce=library"}), 2, "leave it out");
}

TEST_CASE("processes that cannot divide the work are refused with what can", "[ranks]") {
  if (!has_mpi()) return;
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--ranks=3", "--gradient_accumulation_steps=6"})), 2,
              "ranks = 3; expected a power of two, such as 2");
  CHECK_FAILS(
      hewn(small_train(dir, {"--ranks=4", "--gradient_accumulation_steps=6"})), 2,
      "gradient_accumulation_steps = 6 micro-steps cannot be divided among 4 ranks; give a multiple of 4");
  CHECK_FAILS(hewn(small_train(dir, {"--ranks=4", "--gradient_accumulation_steps=8", "--grad_shards=2"})), 2,
              "grad_shards = 2 groups of micro-steps cannot be divided among 4 ranks");
  CHECK_FAILS(hewn(small_train(dir, {"--ranks=2", "--gradient_accumulation_steps=6", "--grad_shards=4"})), 2,
              "grad_shards = 4; expected a power of two that divides gradient_accumulation_steps = 6");
  CHECK_FAILS(hewn(small_train(dir, {"--ranks=2", "--gradient_accumulation_steps=2", "--arch=ngram"})), 2,
              "counts in one process");
  for (const char* option : {"--hosts=nowhere", "--restarts=2"})
    CHECK_FAILS(hewn(small_train(dir, {option})), 2, "give their number as --ranks=N");
  CHECK(!fs::exists(dir / "run"));
  write_file(dir / "hosts", "127.0.0.1 1\n");
  const std::string hosts = "--hosts=" + (dir / "hosts").string();
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "has 1 slot; give fewer ranks, or more slots");
  write_file(dir / "hosts", "# a comment\n127.0.0.1 two\n");
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "hosts:2: '127.0.0.1 two' is no host");
  write_file(dir / "hosts", "no-such-host.invalid 4\n");
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "the host no-such-host.invalid is unknown");
  write_file(dir / "hosts", "\n");
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "names no host");
}

TEST_CASE("an error of rank 0 or of all is told once, and is the exit status", "[ranks]") {
  if (!has_mpi()) return;
  const TempDir dir;
  const ProcessResult missing = hewn(train_on(dir, 2, {"--dataset=" + (dir / "none.txt").string()}));
  CHECK_FAILS(missing, 3, "none.txt");
  CHECK(missing.err.find("hewn: ") == missing.err.rfind("hewn: "));
  const ProcessResult bad =
      hewn(train_on(dir, 2, {"--learning_rate=1e6", "--warmup_iters=0", "--grad_clip=0", "--max_iters=200"}));
  CHECK_FAILS(bad, 5, "not finite");
  CHECK(bad.err.find("hewn: ") == bad.err.rfind("hewn: "));
}

TEST_CASE("a killed process ends the others, and the run goes on from its last checkpoint", "[ranks]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  for (const int victim : {0, 1}) {
    const TempDir dir;
    INFO("rank " << victim << " is killed");
    const std::vector<std::string> endless{"--max_iters=1000000", "--eval_interval=5", "--rank_timeout=20"};
    Process run(with({hewn_program().string()}, train_on(dir, 2, endless)));
    REQUIRE(run.wait_for("saved", 120));
    const pid_t process = process_of(dir, victim);
    REQUIRE(process > 0);
    ::kill(process, SIGKILL);
    const ProcessResult r = run.finish();
    INFO(r.err);
    CHECK(!r.timed_out);
    CHECK(r.exit_code == 1);
    CHECK(contains(r.err, "hewn: rank " + std::to_string(victim) + " ("));
    CHECK(contains(r.err, ") has ended"));
    CHECK(process_of(dir, 1 - victim) < 0);
    const ProcessResult next = hewn(small_resume(dir, {"--max_iters=5"}));
    INFO(next.err);
    CHECK(next.exit_code == 0);
  }
}

TEST_CASE("a launcher that does not end with the processes is ended", "[ranks]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  const TempDir dir;
  const std::vector<std::string> endless{"--max_iters=1000000", "--eval_interval=5", "--rank_timeout=2"};
  Process run(with({hewn_program().string()}, train_on(dir, 2, endless)));
  REQUIRE(run.wait_for("saved", 120));
  const pid_t launcher = parent_of(process_of(dir, 0));
  REQUIRE(::kill(launcher, SIGSTOP) == 0);
  SECTION("one of them is killed") { ::kill(process_of(dir, 1), SIGKILL); }
  SECTION("one of them is stopped") { ::kill(process_of(dir, 1), SIGSTOP); }
  const ProcessResult r = run.finish();
  INFO(r.err);
  CHECK(!r.timed_out);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.err, "the launcher is ended by force, as it is still there 7 s after a rank has ended"));
  for (const int rank : {0, 1}) CHECK(process_of(dir, rank) < 0);
}

TEST_CASE("a run that loses a process is started again, as often as is allowed", "[ranks]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  const std::vector<std::string> steps{"--max_iters=500", "--eval_interval=50", "--eval_iters=1", "--keep=1"};
  const std::vector<std::string> endless{"--max_iters=1000000", "--eval_interval=50", "--eval_iters=1"};
  const TempDir alone;
  REQUIRE(hewn(train_on(alone, 1, steps)).exit_code == 0);
  for (const int kills : {1, 2}) {
    const TempDir dir;
    Process run(with({hewn_program().string()},
                     train_on(dir, 2, with(kills == 1 ? steps : endless, {"--restarts=1"}))));
    for (int kill = 0; kill < kills; ++kill) {
      if (kill > 0) REQUIRE(run.wait_for("restart with 2 ranks, 0 restarts left", 60));
      REQUIRE(run.wait_for("saved", 120));
      pid_t process = -1;
      for (int tries = 0; tries < 100 && process < 0; ++tries) {
        process = process_of(dir, 1);
        if (process < 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      REQUIRE(process > 0);
      ::kill(process, SIGKILL);
    }
    const ProcessResult r = run.finish();
    INFO(r.err);
    CHECK(r.exit_code == (kills == 1 ? 0 : 1));
    CHECK(contains(r.err, "restart with 2 ranks, 0 restarts left"));
    if (kills == 1) CHECK((last_bits(dir / "run") == last_bits(alone / "run")));
  }
}

TEST_CASE("a stop asked of any process saves and ends all of them", "[ranks]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  struct Stop {
    int rank, signal, status;
  };
  for (const Stop& stop : {Stop{-1, SIGINT, 130}, Stop{-1, SIGTERM, 143}, Stop{1, SIGTERM, 143}}) {
    const TempDir dir;
    INFO("signal " << stop.signal << " to " << stop.rank);
    Process run(with({hewn_program().string()}, train_on(dir, 2, {"--max_iters=1000000"})));
    REQUIRE(run.wait_for("saved", 120));
    const pid_t process = stop.rank < 0 ? run.id() : process_of(dir, stop.rank);
    REQUIRE(process > 0);
    ::kill(process, stop.signal);
    const ProcessResult r = run.finish();
    INFO(r.err);
    CHECK(r.exit_code == stop.status);
    CHECK(contains(r.err, "stopped after step"));
    CHECK(contains(r.err, "resume with:"));
    CHECK(process_of(dir, 0) < 0);
  }
}

TEST_CASE("without its library, the program says what several processes need", "[ranks]") {
  const TempDir dir;
  fs::create_directories(dir / "bin");
  fs::copy_file(hewn_program(), dir / "bin/hewn");
  ProcessOptions options;
  options.env["PATH"] = (dir / "bin").string() + ":/usr/bin:/bin";
  std::vector<std::string> words = train_on(dir, 2);
  words.insert(words.begin(), (dir / "bin/hewn").string());
  CHECK_FAILS(run_program(words, options), 1,
              "several processes need " + (dir / "bin/libhewn_mpi.so").string());
}

}  // namespace hewn::test
