// Training with several processes: on this host, and through MPI.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>

#include "tests/apps/ranks/mpi.h"
#include "tests/apps/ranks/train_on.h"

namespace hewn::test {

namespace fs = std::filesystem;

TEST_CASE("1, 2 and 4 processes write the same checkpoint, and go on with each other's", "[ranks]") {
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

TEST_CASE("processes that cannot divide the work are refused with what can", "[ranks]") {
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
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "hosts:2: '127.0.0.1 two' is not a host");
  write_file(dir / "hosts", "no-such-host.invalid 4\n");
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "the host no-such-host.invalid is unknown");
  write_file(dir / "hosts", "\n");
  CHECK_FAILS(hewn(train_on(dir, 2, {hosts})), 2, "names no host");
}

TEST_CASE("an error of rank 0 or of all is told once, and is the exit status", "[ranks]") {
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

TEST_CASE("a stopped process is missed by the others in time, and ended", "[ranks]") {
  if (left_out()) return;
  const TempDir dir;
  const std::vector<std::string> endless{"--max_iters=1000000", "--eval_interval=5", "--rank_timeout=2"};
  Process run(with({hewn_program().string()}, train_on(dir, 2, endless)));
  REQUIRE(run.wait_for("saved", 120));
  REQUIRE(::kill(process_of(dir, 1), SIGSTOP) == 0);
  const ProcessResult r = run.finish();
  INFO(r.err);
  CHECK(!r.timed_out);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.err, ") has not been heard of for "));
  CHECK(contains(r.err, "1 rank is killed: still running 7 s after the first one ended"));
  for (const int rank : {0, 1}) CHECK(process_of(dir, rank) < 0);
}

TEST_CASE("when the process that has started the others is killed, they save and end", "[ranks]") {
  if (left_out()) return;
  const TempDir dir;
  Process run(with({hewn_program().string()}, train_on(dir, 2, {"--max_iters=1000000"})));
  REQUIRE(run.wait_for("saved", 120));
  run.send(SIGKILL);
  CHECK(run.wait_for("resume with:", 60));
  for (int tries = 0; tries < 500 && (process_of(dir, 0) >= 0 || process_of(dir, 1) >= 0); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  for (const int rank : {0, 1}) CHECK(process_of(dir, rank) < 0);
}

TEST_CASE("a run that loses a process is started again, as often as is allowed", "[ranks]") {
  if (left_out()) return;
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

namespace {

/// The sockets of a process, by the numbers that files in /proc/net give them.
std::set<std::string> sockets_of(pid_t process) {
  std::set<std::string> numbers;
  std::error_code ended;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process) + "/fd", ended)) {
    const std::string target = fs::read_symlink(entry.path(), ended).string();
    if (target.starts_with("socket:[")) numbers.insert(target.substr(8, target.size() - 9));
  }
  return numbers;
}

}  // namespace

TEST_CASE("processes on one host need no MPI, and none of them listens", "[ranks]") {
  const TempDir dir, alone;
  // Beside this copy there is no library, and in PATH no launcher.
  fs::create_directories(dir / "bin");
  fs::copy_file(hewn_program(), dir / "bin/hewn");
  ProcessOptions options;
  options.env["PATH"] = (dir / "bin").string();
  Process run(with({"hewn"}, train_on(dir, 2, {"--max_iters=1000000", "--eval_interval=5"})), options);
  REQUIRE(run.wait_for("saved", 120));
  int sockets = 0;
  for (const pid_t process : {run.id(), process_of(dir, 0), process_of(dir, 1)}) {
    REQUIRE(process > 0);
    const std::set<std::string> own = sockets_of(process);
    sockets += static_cast<int>(own.size());
    for (const char* kind : {"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet", "netlink", "unix"}) {
      std::istringstream lines(of_process(process, (std::string("net/") + kind).c_str()));
      for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
        const bool is_own =
            std::any_of(all.begin(), all.end(), [&](const auto& word) { return own.contains(word); });
        // Of a unix socket, the fourth column says whether it listens.
        INFO(kind << ": " << line);
        CHECK((!is_own || (std::string(kind) == "unix" && all.at(3) == "00000000")));
      }
    }
  }
  CHECK(sockets == 2);  // an end for each rank
  ::kill(run.id(), SIGTERM);
  const ProcessResult r = run.finish();
  INFO(r.err);
  CHECK(r.exit_code == 143);
  CHECK(contains(r.err, "resume with: hewn train"));  // as it was called
}

TEST_CASE("an environment that names no sockets of the process is refused", "[ranks]") {
  const TempDir dir;
  for (const char* sockets : {"", "-1", "0,-1", "-1,99", "-1,x", "-1,-1", "-1,2", "1,-1,2"})
    CHECK_FAILS(hewn(train_on(dir, 1), {.env = {{"HEWN_RANK_SOCKETS", sockets}}}), 2,
                "in the environment does not name sockets of this process; unset it");
  CHECK(!fs::exists(dir / "run"));
}

TEST_CASE("through MPI, processes write the checkpoint of one", "[ranks][mpi]") {
  if (!has_mpi()) return;
  const TempDir dir, alone;
  REQUIRE(hewn(train_on(alone, 1)).exit_code == 0);
  SECTION("on the hosts of a file") {
    write_file(dir / "hosts", "127.0.0.1 2\n");
    const ProcessResult r = hewn(train_on(dir, 2, {"--hosts=" + (dir / "hosts").string()}));
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
  }
  SECTION("started by its launcher") {
    ProcessOptions options;
    options.env = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}};
    const ProcessResult r =
        run_program(with({"mpiexec", "-n", "2", hewn_program().string()}, train_on(dir, 1)), options);
    if (r.exit_code == 127) return skip("mpiexec is not in PATH");
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    CHECK(contains(r.err, "rank 1"));
  }
  CHECK((last_bits(dir / "run") == last_bits(alone / "run")));
}

TEST_CASE("through MPI, a launcher that does not end with the processes is ended", "[ranks][mpi]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  const TempDir dir;
  write_file(dir / "hosts", "127.0.0.1 2\n");
  const std::vector<std::string> endless{"--max_iters=1000000", "--eval_interval=5", "--rank_timeout=2",
                                         "--hosts=" + (dir / "hosts").string()};
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
  CHECK(contains(r.err, "the launcher is killed: still running 7 s after a rank ended"));
  for (const int rank : {0, 1}) CHECK(process_of(dir, rank) < 0);
}

TEST_CASE("through MPI, a stop asked of the program that has started the processes saves and ends them",
          "[ranks][mpi]") {
  if (left_out()) return;
  if (!has_mpi()) return;
  const TempDir dir;
  write_file(dir / "hosts", "127.0.0.1 2\n");
  Process run(with({hewn_program().string()},
                   train_on(dir, 2, {"--max_iters=1000000", "--hosts=" + (dir / "hosts").string()})));
  REQUIRE(run.wait_for("saved", 120));
  ::kill(run.id(), SIGINT);
  CHECK_FAILS(run.finish(), 130, "resume with:");
}

TEST_CASE("without its library, the program says what several hosts need", "[ranks]") {
  const TempDir dir;
  fs::create_directories(dir / "bin");
  fs::copy_file(hewn_program(), dir / "bin/hewn");
  write_file(dir / "hosts", "127.0.0.1 2\n");
  std::vector<std::string> words = train_on(dir, 2, {"--hosts=" + (dir / "hosts").string()});
  words.insert(words.begin(), (dir / "bin/hewn").string());
  CHECK_FAILS(run_program(words), 1, "need " + (dir / "bin/libhewn_mpi.so").string());
}

}  // namespace hewn::test
